/**
 * @file Causal grouped-query attention over a flat batch, with Gemma 2's soft cap and sliding window.
 *
 *   z = scale q k^T,  s = cap tanh(z / cap),  P = softmax of s over the visible keys,  o = P v.
 * Kept for the backward pass: o and lse = log sum exp s, so that P = exp(s - lse) is formed anew, a tile at a time.
 *
 * Gradient, for each head (Dao et al. 2022, section 3.1; the cap is ours):
 *   dv = P^T do,   dP = do v^T,   D = rowsum(do o),   ds = P (dP - D),
 *   dz = ds (1 - (s / cap)^2),   dq = scale dz k,   dk = scale dz^T q,
 * with dk and dv summed over the query heads that share a key head.
 */

import { defineOp, type OpInputs, runOp } from '@arena/runtime';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { attentionBackwardCuda, attentionCuda } from './cuda.js';
import { attentionBackwardReference, attentionReference } from './reference.js';
import { attentionBackwardSamples, attentionSamples } from './samples.js';
import { attentionBackwardWasm, attentionWasm } from './wasm.js';
import { attentionBackwardWebgpu, attentionWebgpu } from './webgpu.js';

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
export interface AttentionInputs {
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
}

/** Inputs as {@link AttentionInputs} -> o [Q, numHeads * headDim], lse [Q, numHeads]. */
export const attentionOp = defineOp<AttentionAttrs>({
  name: 'Attention',
  reference: attentionReference,
  kernels: { wasm: attentionWasm, webgpu: attentionWebgpu, cuda: attentionCuda },
  samples: attentionSamples,
});

/** Inputs do, q, k, v, o, lse, offsets, rows -> dq, dk, dv. */
export const attentionBackwardOp = defineOp<AttentionAttrs>({
  name: 'AttentionBackward',
  reference: attentionBackwardReference,
  kernels: { wasm: attentionBackwardWasm, webgpu: attentionBackwardWebgpu, cuda: attentionBackwardCuda },
  samples: attentionBackwardSamples,
});

/** o [Q, numHeads * headDim], and lse [Q, numHeads] for {@link attentionBackward}; without a gradient. */
export function attentionForward(inputs: AttentionInputs, attrs: AttentionAttrs): { o: Tensor2D; lse: Tensor2D } {
  const [o, lse] = runOp(attentionOp, { ...inputs } as OpInputs, attrs);
  return { o: o as Tensor2D, lse: lse as Tensor2D };
}

/**
 * Gradients from dO [Q, numHeads * headDim] and what the forward pass took and gave: dq [Q, numHeads * headDim], dk and
 * dv [T, numKeyValueHeads * headDim].
 */
export function attentionBackward(
  dO: Tensor2D,
  saved: AttentionInputs & { o: Tensor2D; lse: Tensor2D },
  attrs: AttentionAttrs,
): { dq: Tensor2D; dk: Tensor2D; dv: Tensor2D } {
  const [dq, dk, dv] = runOp(attentionBackwardOp, { do: dO, ...saved } as OpInputs, attrs);
  return { dq: dq as Tensor2D, dk: dk as Tensor2D, dv: dv as Tensor2D };
}
