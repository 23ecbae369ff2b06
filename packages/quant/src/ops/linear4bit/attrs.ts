/** @file Attributes and inputs of Linear4bit. */
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { Weight4bit, Weight4bitAttrs } from '../../weight.js';

/** Layout of the weight W [outFeatures, inFeatures], and its orientation in the product. */
export interface Linear4bitAttrs extends Weight4bitAttrs {
  /** false: y = x W^T [M, outFeatures]; true: x W [M, inFeatures], the gradient by x. */
  transposed: boolean;
}

/** x [M, inFeatures], or [M, outFeatures] when transposed, and the weight's tensors. */
export type Linear4bitInputs = { x: Tensor2D } & Weight4bit['tensors'];
