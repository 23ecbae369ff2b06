/** @file What LinearBlocks is given. */
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { BlocksAttrs, WeightBlocks } from '../../weight-blocks.js';

/** How to read the weight W [outFeatures, inFeatures], and in which orientation it is taken. */
export interface LinearBlocksAttrs extends BlocksAttrs {
  /** false: y = x W^T [M, outFeatures]; true: x W [M, inFeatures], which is the gradient by x. */
  transposed: boolean;
}

/** x [M, inFeatures], or [M, outFeatures] when transposed, and the weight's bytes. */
export type LinearBlocksInputs = { x: Tensor2D } & WeightBlocks['tensors'];
