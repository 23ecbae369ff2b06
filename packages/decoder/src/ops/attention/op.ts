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

import { defineOp, runOp } from '@arena/runtime/op';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { AttentionAttrs, AttentionBackwardInputs, AttentionInputs } from './attrs.js';
import { attentionBackwardCuda, attentionCuda } from './cuda/attention.js';
import { attentionBackwardReference, attentionReference } from './reference.js';
import { attentionBackwardSamples, attentionSamples } from './samples.js';
import { attentionBackwardWasm, attentionWasm } from './wasm/attention.js';
import { attentionBackwardWebgpu, attentionWebgpu } from './webgpu/attention.js';

export type { AttentionAttrs, AttentionInputs } from './attrs.js';

/** Inputs as {@link AttentionInputs} -> o [Q, numHeads * headDim], lse [Q, numHeads]. */
export const attentionOp = defineOp<AttentionAttrs, AttentionInputs, [o: Tensor2D, lse: Tensor2D]>({
  name: 'Attention',
  package: '@arena/decoder',
  reference: attentionReference,
  kernels: { wasm: attentionWasm, webgpu: attentionWebgpu, cuda: attentionCuda },
  samples: attentionSamples,
});

/** Inputs do, q, k, v, o, lse, offsets, rows -> dq, dk, dv. */
export const attentionBackwardOp = defineOp<
  AttentionAttrs,
  AttentionBackwardInputs,
  [dq: Tensor2D, dk: Tensor2D, dv: Tensor2D]
>({
  name: 'AttentionBackward',
  package: '@arena/decoder',
  reference: attentionBackwardReference,
  kernels: { wasm: attentionBackwardWasm, webgpu: attentionBackwardWebgpu, cuda: attentionBackwardCuda },
  samples: attentionBackwardSamples,
});

/** o [Q, numHeads * headDim], and lse [Q, numHeads] for {@link attentionBackward}; without a gradient. */
export function attentionForward(inputs: AttentionInputs, attrs: AttentionAttrs): { o: Tensor2D; lse: Tensor2D } {
  const [o, lse] = runOp(attentionOp, inputs, attrs);
  return { o, lse };
}

/**
 * Gradients from dO [Q, numHeads * headDim] and what the forward pass took and gave: dq [Q, numHeads * headDim], dk and
 * dv [T, numKeyValueHeads * headDim].
 */
export function attentionBackward(
  dO: Tensor2D,
  saved: Omit<AttentionBackwardInputs, 'do'>,
  attrs: AttentionAttrs,
): { dq: Tensor2D; dk: Tensor2D; dv: Tensor2D } {
  const [dq, dk, dv] = runOp(attentionBackwardOp, { do: dO, ...saved }, attrs);
  return { dq, dk, dv };
}
