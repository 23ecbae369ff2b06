/** @file 4-bit weights of random codes, which need no quantising: for measurements at full size. */
import { randomFillSync } from 'node:crypto';
import type { Weight4bit } from '@arena/quant';
import { tensor1d } from '@tensorflow/tfjs-core';

const BLOCK = 64;

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
