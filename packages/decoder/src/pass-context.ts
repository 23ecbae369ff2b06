/** @file What the layers of one pass share. */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { DropoutStep } from './linear.js';

export interface PassContext {
  /** rms_norm_eps */
  eps: number;
  /** int32 [n + 1] */
  offsets: Tensor1D;
  /** int32 [T] */
  positions: Tensor1D;
  /** Every token. int32 [T] */
  allRows: Tensor1D;
  /**
   * When computed tokens stand for several of the batch (forward pass alone): which one gives each token's key and value, and
   * the batch's tokens that the head reads. offsets and allRows then count the batch's tokens. int32 [T], int32 [n]
   */
  shared?: { source: Tensor1D; pooled: Tensor1D };
  dropout?: DropoutStep;
  /** Sees named intermediate values, under transformers' module names within the layer. */
  trace?: (name: string, value: Tensor2D) => void;
}
