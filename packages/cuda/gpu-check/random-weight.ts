/** @file Matrices of random values and 4-bit weights of random codes, made fast: for measurements at full size. */
import { randomFillSync } from 'node:crypto';
import type { Weight4bit } from '@arena/quant/ops';
import { type Tensor2D, tensor1d, tensor2d } from '@tensorflow/tfjs-core';

const BLOCK = 64;

let drawn: Float32Array | undefined;

/** Values in [-1, 1): a million of them, over and over. [rows, columns] */
export function randomMatrix(rows: number, columns: number): Tensor2D {
  drawn ??= Float32Array.from(randomFillSync(new Int32Array(1_000_003)), (word) => word / 2 ** 31);
  const values = new Float32Array(rows * columns);
  for (let at = 0; at < values.length; at += drawn.length) values.set(drawn.subarray(0, values.length - at), at);
  return tensor2d(values, [rows, columns]);
}

/** A matrix [outFeatures, inFeatures] with about the variance of a usual initialisation, in NF4 with nested statistics. */
export function random4bit(outFeatures: number, inFeatures: number): Weight4bit {
  const blocks = Math.ceil((outFeatures * inFeatures) / BLOCK);
  const random = (words: number) => tensor1d(randomFillSync(new Int32Array(words)), 'int32');
  const nestedOffset = 1.8 / Math.sqrt(inFeatures);
  return {
    kind: '4bit',
    attrs: { outFeatures, inFeatures, blockSize: BLOCK, quantType: 'nf4', nestedOffset },
    tensors: {
      codes: random(Math.ceil((outFeatures * inFeatures) / 8)),
      absmax: random(Math.ceil(blocks / 4)),
      nestedAbsmax: tensor1d(new Float32Array(Math.ceil(blocks / 256)).fill(nestedOffset / 10)),
    },
  };
}
