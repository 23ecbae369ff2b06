/**
 * @file One decoder layer, forward and backward: attention, then the MLP, each with its residual.
 *
 * What would be there at the widest moment without being used any more is disposed of before: that moment decides what fits into memory.
 */
import { dispose, Tensor, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { type AttentionSaved, attentionHalf, attentionHalfBackward } from './attention-half.js';
import { isTrained } from './linear.js';
import { type MlpCheckpoint, type MlpSaved, mlpAgain, mlpHalf, mlpHalfBackward } from './mlp-half.js';
import type { Layer } from './model.js';
import type { PassContext } from './pass-context.js';

/** What the backward pass of a layer needs beside its input. */
export type LayerSaved = {
  attention: AttentionSaved;
  /** What attention left for the MLP [Q, H]. */
  h: Tensor2D;
  mlp: MlpSaved;
};

/** What activation checkpointing keeps of a layer beside its input. */
export type LayerCheckpoint = {
  mlp: MlpCheckpoint;
};

/**
 * Forward pass. x [T, H] -> y [T, H], or [rows, H] when `rows` is given.
 * The caller owns y and what is saved (x is not among it).
 */
export function layerForward(
  x: Tensor2D,
  layer: Layer,
  context: PassContext,
  rows?: Tensor1D,
): { y: Tensor2D; saved: LayerSaved } {
  return tidy(() => {
    const a = attentionHalf(x, layer.attention, context, rows); // [Q, H]
    const m = mlpHalf(a.y, layer.mlp, context); // [Q, H]
    return { y: m.y, saved: { attention: a.saved, h: a.y, mlp: m.saved } };
  });
}

/** Frees what {@link layerAgain} can form again. */
export function layerCheckpoint({ attention, h, mlp }: LayerSaved): LayerCheckpoint {
  const { d, t, gate, up } = mlp;
  dispose({ attention, h, gate, up, gate_proj: t.gate_proj, up_proj: t.up_proj });
  return { mlp: { d, t: { down_proj: t.down_proj } } };
}

/** What {@link layerForward} saved, from x and a checkpoint of it. */
export function layerAgain(
  x: Tensor2D,
  { mlp }: LayerCheckpoint,
  layer: Layer,
  context: PassContext,
  rows?: Tensor1D,
): LayerSaved {
  return tidy(() => {
    const { y: h, saved: attention } = attentionHalf(x, layer.attention, context, rows);
    return { attention, h, mlp: mlpAgain(h, mlp, layer.mlp, context) };
  });
}

/**
 * Backward pass: gathers the gradients of what the layer trains and gives dx [T, H]. What was saved is disposed of on the way.
 * With `inputGradient: false` (the lowest layer that trains anything) it stops as soon as nothing trained is left below.
 */
export function layerBackward(
  dy: Tensor2D,
  x: Tensor2D,
  saved: LayerSaved,
  { attention, mlp }: Layer,
  context: PassContext,
  options: { rows?: Tensor1D; inputGradient: boolean },
): Tensor2D | undefined {
  const dx = tidy(() => {
    const dh = tidy(() => mlpHalfBackward(dy, saved.h, saved.mlp, mlp, context)); // [Q, H]
    dispose(saved.h);
    // An undefined result of tidy is not in its types, but is passed through.
    if (!options.inputGradient && !trainsAttention(attention)) return undefined as unknown as Tensor2D;
    return attentionHalfBackward(dh, x, saved.attention, attention, context, options) as Tensor2D;
  });
  dispose(saved);
  return dx;
}

function trainsAttention({
  q_proj,
  k_proj,
  v_proj,
  o_proj,
  post_attention_layernorm,
  q_norm,
  k_norm,
}: Layer['attention']) {
  return (
    [q_proj, k_proj, v_proj, o_proj].some(isTrained) ||
    [post_attention_layernorm, q_norm, k_norm].some((norm) => norm?.trained !== undefined)
  );
}

/**
 * What of a layer may be kept in bfloat16 where products round to that anyway (see {@link Activations.half}): not h, the sum of all
 * layers so far, to which each adds little, nor the softmax's lse.
 */
export function halvable({
  attention,
  mlp,
}: LayerSaved | (LayerCheckpoint & { attention?: AttentionSaved })): Tensor2D[] {
  const { gate, up, d } = mlp as Partial<MlpSaved>;
  const { q, k, v, o, a } = attention ?? ({} as Partial<AttentionSaved>);
  return [q, k, v, o, a, gate, up, d].filter((tensor) => tensor !== undefined);
}

/** Every tensor of what a layer keeps. */
export function tensorsOf(kept: object): Tensor2D[] {
  return Object.values(kept).flatMap((one) => {
    if (one === undefined) return [];
    return one instanceof Tensor ? [one as Tensor2D] : tensorsOf(one);
  });
}
