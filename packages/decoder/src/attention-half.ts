/**
 * @file The half of a layer that mixes tokens (transformers modeling_gemma2.py and modeling_gemma3.py, DecoderLayer):
 *
 *   h = x + post_attention_layernorm(o_proj(attention(rope(q), rope(k), v))),   q, k, v of input_layernorm(x)
 *
 * where q and k of each head pass q_norm and k_norm first if the family has them.
 *
 * With `rows` (the last layer) only the tokens that the head reads leave: K and V are formed for all tokens, the rest for
 * those rows alone, which is exact. x is then gathered to x[rows] for the residual.
 */
import { add, dispose, gather, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';
import type { LayerShape } from './config.js';
import { linearBackward, linearForward } from './linear.js';
import type { Attention } from './model.js';
import { headNormBackward, headNormForward, normBackward, normForward } from './norm.js';
import { type AttentionAttrs, attentionBackward, attentionForward } from './ops/attention/op.js';
import { type RopeAttrs, ropeForward } from './ops/rope/op.js';
import type { PassContext } from './pass-context.js';
import { addRows } from './rows.js';

/** What the backward pass of the half needs. Cheap elementwise results are formed again there. */
export type AttentionSaved = {
  /** Rotated queries [Q, heads * D], or what q_proj gave where a norm comes before the rotation. */
  q: Tensor2D;
  /** Keys [T, kv * D], as q. */
  k: Tensor2D;
  v: Tensor2D;
  /** Output of attention [Q, heads * D], and the logarithm of each query's softmax sum [Q, heads]. */
  o: Tensor2D;
  lse: Tensor2D;
  /** Output of o_proj [Q, H]. */
  a: Tensor2D;
  /** x A^T of each adapter. */
  t: { q_proj?: Tensor2D; k_proj?: Tensor2D; v_proj?: Tensor2D; o_proj?: Tensor2D };
};

/** float32 values a token of what is saved, but for `t`: each adapter's is its rank. */
export function attentionWidths(
  { heads, keyValueHeads, headDim }: LayerShape,
  hiddenSize: number,
): Record<Exclude<keyof AttentionSaved, 't'>, number> {
  const queries = heads * headDim;
  const keys = keyValueHeads * headDim;
  return { q: queries, k: keys, v: keys, o: queries, lse: heads, a: hiddenSize };
}

/** Forward pass. x [T, H] -> h [T, H], or [rows, H] when `rows` is given. */
export function attentionHalf(
  x: Tensor2D,
  half: Attention,
  context: PassContext,
  rows?: Tensor1D,
): { y: Tensor2D; saved: AttentionSaved } {
  const { eps, dropout, trace } = context;
  const pick = (tensor: Tensor2D) => (rows ? gather(tensor, rows) : tensor);
  const n1 = normForward(x, half.input_layernorm, eps); // [T, H]
  trace?.('input_layernorm', n1);
  const read = pick(n1);
  const q = linearForward(read, half.q_proj, dropout); // [Q, heads * D]
  const k = linearForward(n1, half.k_proj, dropout); // [T, kv * D]
  const v = linearForward(n1, half.v_proj, dropout);
  trace?.('self_attn.q_proj', q.y);
  trace?.('self_attn.k_proj', k.y);
  trace?.('self_attn.v_proj', v.y);
  dispose([n1, read]);
  const turned = rotate(q.y, k.y, half, context, rows);
  const keep = half.shape.qkNorm ? { q: q.y, k: k.y } : turned;
  if (!half.shape.qkNorm) dispose([q.y, k.y]);
  const { o, lse } = attentionForward(
    attentionInputs(turned.q, turned.k, v.y, context, rows),
    attentionAttrs(half.shape),
  );
  if (half.shape.qkNorm) dispose([turned.q, turned.k]);
  const a = linearForward(o, half.o_proj, dropout); // [Q, H]
  trace?.('self_attn', a.y);
  const y = normForward(a.y, half.post_attention_layernorm, eps, pick(x));
  const t = { q_proj: q.t, k_proj: k.t, v_proj: v.t, o_proj: a.t };
  return { y, saved: { ...keep, v: v.y, o, lse, a: a.y, t } };
}

/**
 * Backward pass: dh [Q, H] -> dx [T, H]; the gradients of what the half trains gather on their parameters.
 * With `inputGradient: false` nothing below the half is trained, and it stops at the projections.
 */
export function attentionHalfBackward(
  dh: Tensor2D,
  x: Tensor2D,
  saved: AttentionSaved,
  half: Attention,
  context: PassContext,
  { rows, inputGradient }: { rows?: Tensor1D; inputGradient: boolean },
): Tensor2D | undefined {
  const { eps, dropout } = context;
  const { shape } = half;
  const da = normBackward(dh, saved.a, half.post_attention_layernorm, eps);
  const dO = linearBackward(da, { x: saved.o, t: saved.t.o_proj }, half.o_proj, { dropout })!;
  dispose([da, saved.a]);
  const turned = attentionOperands(saved, half, context, rows);
  const inputs = attentionInputs(turned.q, turned.k, saved.v, context, rows);
  const rotated = attentionBackward(dO, { ...inputs, o: saved.o, lse: saved.lse }, attentionAttrs(shape));
  dispose([dO, turned.q, turned.k, saved.v, saved.o]);
  const { dq, dk } = rotateBackward(rotated, saved, half, context, rows);

  const n1 = normForward(x, half.input_layernorm, eps); // [T, H]
  const wantsInput = inputGradient || half.input_layernorm.trained !== undefined;
  const input = (name: 'q_proj' | 'k_proj' | 'v_proj', grad: Tensor2D, from: Tensor2D, residual?: Tensor2D) => {
    const kept = { x: from, t: saved.t[name] };
    return linearBackward(grad, kept, half[name], { residual, dropout, inputGradient: wantsInput });
  };
  const dn1v = input('v_proj', rotated.dv, n1);
  const dn1kv = input('k_proj', dk, n1, dn1v);
  const dn1q = input('q_proj', dq, rows ? gather(n1, rows) : n1, rows ? undefined : dn1kv); // [Q, H]
  if (!wantsInput) return undefined;
  const tokens = x.shape[0];
  const spread = (perRow: Tensor2D) => (rows ? addRows(perRow, rows, tokens) : perRow);
  const dn1 = rows ? (add(dn1kv!, spread(dn1q!)) as Tensor2D) : dn1q!;
  return normBackward(dn1, x, half.input_layernorm, eps, spread(dh));
}

/** Queries and keys as attention takes them, from what was saved. */
export function attentionOperands(
  saved: AttentionSaved,
  half: Attention,
  context: PassContext,
  rows?: Tensor1D,
): { q: Tensor2D; k: Tensor2D } {
  return half.shape.qkNorm ? rotate(saved.q, saved.k, half, context, rows) : saved;
}

/** What the projections gave, normed by head where the family does, then rotated. */
function rotate(q: Tensor2D, k: Tensor2D, half: Attention, context: PassContext, rows?: Tensor1D) {
  const { eps, positions, trace } = context;
  const { shape, q_norm, k_norm } = half;
  const normedQ = q_norm ? headNormForward(q, q_norm, eps) : q;
  const normedK = k_norm ? headNormForward(k, k_norm, eps) : k;
  if (q_norm) trace?.('self_attn.q_norm', normedQ);
  if (k_norm) trace?.('self_attn.k_norm', normedK);
  const turned = {
    q: ropeForward(normedQ, rows ? gather(positions, rows) : positions, ropeAttrs(shape, false)),
    k: ropeForward(normedK, positions, ropeAttrs(shape, false)),
  };
  if (shape.qkNorm) dispose([normedQ, normedK]);
  return turned;
}

/** A rotation's transpose is the rotation back; then the norms of the heads. */
function rotateBackward(
  { dq, dk }: { dq: Tensor2D; dk: Tensor2D },
  { q, k }: AttentionSaved,
  { shape, q_norm, k_norm }: Attention,
  { eps, positions }: PassContext,
  rows?: Tensor1D,
): { dq: Tensor2D; dk: Tensor2D } {
  const backQ = ropeForward(dq, rows ? gather(positions, rows) : positions, ropeAttrs(shape, true));
  const backK = ropeForward(dk, positions, ropeAttrs(shape, true));
  if (!q_norm || !k_norm) return { dq: backQ, dk: backK };
  const normed = { dq: headNormBackward(backQ, q, q_norm, eps), dk: headNormBackward(backK, k, k_norm, eps) };
  dispose([backQ, backK, q, k]);
  return normed;
}

export function attentionAttrs({ heads, keyValueHeads, headDim, scale, softcap, window }: LayerShape): AttentionAttrs {
  return { numHeads: heads, numKeyValueHeads: keyValueHeads, headDim, scale, softcap, slidingWindow: window };
}

export function attentionInputs(q: Tensor2D, k: Tensor2D, v: Tensor2D, context: PassContext, rows?: Tensor1D) {
  const { offsets, allRows, shared } = context;
  if (!shared) return { q, k, v, offsets, rows: rows ?? allRows };
  const [keys, values] = [k, v].map((each) => gather(each, shared.source));
  return { q, k: keys, v: values, offsets, rows: rows ? shared.pooled : allRows };
}

function ropeAttrs({ headDim, rope }: LayerShape, inverse: boolean): RopeAttrs {
  return { headDim, ...rope, inverse };
}
