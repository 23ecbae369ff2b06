/** @file What Linear4bit is given. */
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { Weight4bit, Weight4bitAttrs } from '../../weight.js';

/** How to read the weight W [outFeatures, inFeatures], and in which orientation it is taken. */
export interface Linear4bitAttrs extends Weight4bitAttrs {
  /** false: y = x W^T [M, outFeatures]; true: x W [M, inFeatures], which is the gradient by x. */
  transposed: boolean;
}

/** x [M, inFeatures], or [M, outFeatures] when transposed, and the weight's tensors. */
export type Linear4bitInputs = { x: Tensor2D } & Weight4bit['tensors'];
