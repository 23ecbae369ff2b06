/** @file Linear4bit in plain tfjs ops: unpack, look up, scale, multiply. */

import {
  add,
  floorDiv,
  gather,
  matMul,
  mod,
  mul,
  reshape,
  scalar,
  slice,
  stack,
  type Tensor,
  type Tensor2D,
  tensor1d,
  tile,
} from '@tensorflow/tfjs-core';
import { NESTED_BLOCK_SIZE } from '../../quantize.js';
import { CODEBOOK, DYNAMIC_MAP } from '../../tables.js';
import type { Weight4bit, Weight4bitAttrs } from '../../weight.js';
import type { Linear4bitAttrs, Linear4bitInputs } from './attrs.js';

export function linear4bitReference(inputs: Linear4bitInputs, attrs: Linear4bitAttrs): Tensor[] {
  const weight = dequantizeReference(inputs, attrs); // [outFeatures, inFeatures]
  return [matMul(inputs.x, weight, false, !attrs.transposed)];
}

/** The float32 matrix [outFeatures, inFeatures] of a 4-bit weight's tensors, by plain tfjs ops. */
export function dequantizeReference(inputs: Weight4bit['tensors'], attrs: Weight4bitAttrs): Tensor2D {
  const { inFeatures, outFeatures, blockSize, quantType, nestedOffset } = attrs;
  const count = inFeatures * outFeatures;
  const blocks = Math.ceil(count / blockSize);
  const bytes = slice(unpackBytes(inputs.codes), 0, Math.ceil(count / 2));
  const sixteen = scalar(16, 'int32');
  const codes = slice(reshape(stack([floorDiv(bytes, sixteen), mod(bytes, sixteen)], 1), [-1]), 0, count);
  let absmax = inputs.absmax;
  if (nestedOffset !== undefined) {
    const nested = repeatEach(inputs.nestedAbsmax!, NESTED_BLOCK_SIZE, blocks);
    const values = gather(tensor1d(DYNAMIC_MAP), slice(unpackBytes(inputs.absmax), 0, blocks) as never);
    absmax = add(mul(values, nested), scalar(nestedOffset));
  }
  const values = gather(tensor1d(CODEBOOK[quantType]), codes as never);
  return reshape(mul(values, repeatEach(absmax, blockSize, count)), [outFeatures, inFeatures]);
}

/**
 * The bytes of packed int32 words, lowest first. floorDiv and mod round down, so that the top byte comes out unsigned.
 */
function unpackBytes(words: Tensor): Tensor {
  const byte = (shift: number) =>
    mod(shift ? floorDiv(words, scalar(2 ** shift, 'int32')) : words, scalar(256, 'int32'));
  return reshape(stack([byte(0), byte(8), byte(16), byte(24)], 1), [-1]);
}

/** [a, a, …, b, b, …]: each value `times` times, cut to `count`. */
function repeatEach(values: Tensor, times: number, count: number): Tensor {
  return slice(reshape(tile(reshape(values, [-1, 1]), [1, times]), [-1]), 0, count);
}
