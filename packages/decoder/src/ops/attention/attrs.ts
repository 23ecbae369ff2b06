/** @file What Attention and its gradient are given. */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** One layer's attention. Query head h reads key head floor(h numKeyValueHeads / numHeads). */
export interface AttentionAttrs {
  numHeads: number;
  numKeyValueHeads: number;
  headDim: number;
  /** query_pre_attn_scalar ** -0.5 */
  scale: number;
  /** attn_logit_softcapping; 0 for none. */
  softcap: number;
  /** Keys j with j > i - slidingWindow are visible to query i; 0 for all. */
  slidingWindow: number;
}

/** The tensors of one attention: a query row may be any token of the batch, keys and values are all of them. */
export type AttentionInputs = {
  /** [Q, numHeads * headDim] */
  q: Tensor2D;
  /** [T, numKeyValueHeads * headDim] */
  k: Tensor2D;
  /** [T, numKeyValueHeads * headDim] */
  v: Tensor2D;
  /** Where each sequence starts in the flat batch, and T at the end. int32 [n + 1] */
  offsets: Tensor1D;
  /** Flat token index of each query row, ascending. int32 [Q] */
  rows: Tensor1D;
};

/** What the forward pass took, what it gave, and the gradient of o [Q, numHeads * headDim]. */
export type AttentionBackwardInputs = AttentionInputs & {
  do: Tensor2D;
  o: Tensor2D;
  /** [Q, numHeads] */
  lse: Tensor2D;
};
