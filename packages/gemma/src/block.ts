/**
 * @file One Gemma 2 layer, forward and backward (transformers modeling_gemma2.py Gemma2DecoderLayer):
 *
 *   h = x + post_attention_layernorm(o_proj(attention(q, k, v of input_layernorm(x))))
 *   y = h + post_feedforward_layernorm(down(geglu(gate, up of pre_feedforward_layernorm(h))))
 *
 * In the last layer only the tokens that the head reads (`rows`) leave: K and V are formed for all tokens, the rest for
 * those rows alone, which is exact. x is then gathered to x[rows] for the residual.
 *
 * What would be there at the widest moment without being used any more is disposed of before: that moment decides what fits into memory.
 */
import { add, dispose, gather, type Tensor1D, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import type { GemmaConfig } from './config.js';
import { type DropoutStep, isTrained, linearBackward, linearForward } from './linear.js';
import type { Layer, Norm } from './model.js';
import { type AttentionAttrs, attentionBackward, attentionForward } from './ops/attention/op.js';
import { gegluBackward, gegluForward } from './ops/geglu/op.js';
import { rmsNormBackward, rmsNormForward } from './ops/rms-norm/op.js';
import { type RopeAttrs, ropeForward } from './ops/rope/op.js';
import { accumulate } from './parameter.js';
import { addRows } from './rows.js';

/** What a pass over the layers shares. */
export interface BlockContext {
  config: GemmaConfig;
  /** Soft cap in use: 0 drops it. */
  softcap: number;
  ropeFrequencies: RopeAttrs['frequencyDtype'];
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
  /** Sees named intermediate values, under transformers' module names. */
  trace?: (name: string, value: Tensor2D) => void;
}

/** What the backward pass of a layer needs. Cheap elementwise results are formed again there. */
export interface BlockSaved {
  [name: string]: Tensor2D;
}

/**
 * What of it may be kept in bfloat16 where products round to that anyway (see {@link MemoryPlan.halve}): not h, the sum of all layers
 * so far, of which each adds little, nor the softmax's lse.
 */
export const HALVED = ['q', 'k', 'v', 'o', 'a', 'gate', 'up', 'd'];

/**
 * Forward pass. x [T, H] -> y [T, H], or [rows, H] when `rows` is given.
 * The caller owns y and what is saved (x is not among it).
 */
export function blockForward(
  x: Tensor2D,
  layer: Layer,
  context: BlockContext,
  rows?: Tensor1D,
): { y: Tensor2D; saved: BlockSaved } {
  return tidy(() => {
    const { linears, norms } = layer;
    const trace = tracer(layer, context);
    const saved = untilDown(x, layer, context, rows);
    const { y: d, t } = linearForward(gegluForward(saved.gate, saved.up), linears['mlp.down_proj'], context.dropout); // [Q, H]
    trace('mlp', d);
    const y = rmsNormForward(d, norms.post_feedforward_layernorm.weight, context.config.rmsNormEps, saved.h);
    trace('out', y);
    return { y, saved: { ...saved, d, ...(t && { 'd.t': t }) } };
  });
}

/**
 * Frees what {@link blockAgain} can form again. The output of down_proj stays: it takes a quarter of the layer's work and little
 * memory.
 */
export function keepLittle({ d, 'd.t': t, ...rest }: BlockSaved): BlockSaved {
  dispose(rest);
  return { d, ...(t && { 'd.t': t }) };
}

/** What {@link blockForward} saved of a layer, from x and what {@link keepLittle} left of it. */
export function blockAgain(x: Tensor2D, kept: BlockSaved, layer: Layer, context: BlockContext, rows?: Tensor1D) {
  return { ...tidy(() => untilDown(x, layer, context, rows)), ...kept };
}

/** The layer as far as gate and up, with all that is saved of it. */
function untilDown(x: Tensor2D, layer: Layer, context: BlockContext, rows?: Tensor1D): BlockSaved {
  const { config, dropout } = context;
  const { linears, norms } = layer;
  const eps = config.rmsNormEps;
  const trace = tracer(layer, context);
  const pick = (tensor: Tensor2D) => (rows ? gather(tensor, rows) : tensor);

  const n1 = rmsNormForward(x, norms.input_layernorm.weight, eps); // [T, H]
  trace('input_layernorm', n1);
  const read = pick(n1);
  const q = linearForward(read, linears['self_attn.q_proj'], dropout); // [Q, heads * D]
  const k = linearForward(n1, linears['self_attn.k_proj'], dropout); // [T, kv * D]
  const v = linearForward(n1, linears['self_attn.v_proj'], dropout);
  trace('self_attn.q_proj', q.y);
  trace('self_attn.k_proj', k.y);
  trace('self_attn.v_proj', v.y);
  const queryPositions = rows ? gather(context.positions, rows) : context.positions;
  const rotatedQ = ropeForward(q.y, queryPositions, ropeAttrs(context, false));
  const rotatedK = ropeForward(k.y, context.positions, ropeAttrs(context, false));
  dispose([n1, read, q.y, k.y]);
  const inputs = attentionInputs(rotatedQ, rotatedK, v.y, context, rows);
  const { o, lse } = attentionForward(inputs, attentionAttrs(layer, context));
  const a = linearForward(o, linears['self_attn.o_proj'], dropout); // [Q, H]
  trace('self_attn', a.y);
  const h = rmsNormForward(a.y, norms.post_attention_layernorm.weight, eps, pick(x));

  const n2 = rmsNormForward(h, norms.pre_feedforward_layernorm.weight, eps);
  trace('pre_feedforward_layernorm', n2);
  const gate = linearForward(n2, linears['mlp.gate_proj'], dropout); // [Q, I]
  const up = linearForward(n2, linears['mlp.up_proj'], dropout);
  dispose(n2);

  const saved: BlockSaved = { q: rotatedQ, k: rotatedK, v: v.y, o, lse, a: a.y, h, gate: gate.y, up: up.y };
  for (const [name, { t }] of Object.entries({ q, k, v, a, gate, up })) if (t) saved[`${name}.t`] = t;
  return saved;
}

function tracer({ index }: Layer, { trace }: BlockContext) {
  return (name: string, value: Tensor2D) => trace?.(`layer.${index}.${name}`, value);
}

/**
 * Backward pass: gathers the gradients of what the layer trains and gives dx [T, H]. What was saved is disposed of on the way.
 * With `inputGradient: false` (the lowest layer that trains anything) it stops as soon as nothing trained is left below.
 */
export function blockBackward(
  dy: Tensor2D,
  x: Tensor2D,
  saved: BlockSaved,
  layer: Layer,
  context: BlockContext,
  options: { rows?: Tensor1D; inputGradient: boolean },
): Tensor2D | undefined {
  const { linears, norms } = layer;
  const attentionParts = (['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const).map((n) => linears[`self_attn.${n}`]);
  const trainsBelow = attentionParts.some(isTrained) || norms.post_attention_layernorm.trained !== undefined;
  const dx = tidy(() => {
    const dh = tidy(() => mlpBackward(dy, saved, layer, context)); // [Q, H]
    // An undefined result of tidy is not in its types, but is passed through.
    if (!options.inputGradient && !trainsBelow) return undefined as unknown as Tensor2D;
    return selfAttentionBackward(dh, x, saved, layer, context, options) as Tensor2D;
  });
  dispose(saved);
  return dx;
}

/** y = h + post_feedforward_layernorm(down(geglu(gate, up of pre_feedforward_layernorm(h)))): dy [Q, H] -> dh [Q, H]. */
function mlpBackward(dy: Tensor2D, saved: BlockSaved, { linears, norms }: Layer, context: BlockContext): Tensor2D {
  const { config, dropout } = context;
  const eps = config.rmsNormEps;
  const lin = (
    name: 'gate_proj' | 'up_proj' | 'down_proj',
    grad: Tensor2D,
    x: Tensor2D,
    t: Tensor2D,
    residual?: Tensor2D,
  ) => linearBackward(grad, { x, t }, linears[`mlp.${name}`], { residual, dropout })!;

  const dd = normBackward(dy, saved.d, norms.post_feedforward_layernorm, eps);
  const m = gegluForward(saved.gate, saved.up);
  const dm = lin('down_proj', dd, m, saved['d.t']);
  dispose([dd, m, saved.d]);
  const { dgate, dup } = gegluBackward(dm, saved.gate, saved.up);
  dispose([dm, saved.gate, saved.up]);
  const n2 = rmsNormForward(saved.h, norms.pre_feedforward_layernorm.weight, eps);
  const dn2 = lin('gate_proj', dgate, n2, saved['gate.t'], lin('up_proj', dup, n2, saved['up.t']));
  return normBackward(dn2, saved.h, norms.pre_feedforward_layernorm, eps, dy);
}

/** h = x[rows] + post_attention_layernorm(o_proj(attention(q, k, v of input_layernorm(x)))): dh [Q, H] -> dx [T, H]. */
function selfAttentionBackward(
  dh: Tensor2D,
  x: Tensor2D,
  saved: BlockSaved,
  layer: Layer,
  context: BlockContext,
  { rows, inputGradient }: { rows?: Tensor1D; inputGradient: boolean },
): Tensor2D | undefined {
  const { config, dropout } = context;
  const { linears, norms } = layer;
  const eps = config.rmsNormEps;

  const da = normBackward(dh, saved.a, norms.post_attention_layernorm, eps);
  const dO = linearBackward(da, { x: saved.o, t: saved['a.t'] }, linears['self_attn.o_proj'], { dropout })!;
  dispose([da, saved.a, saved.h]);
  const inputs = attentionInputs(saved.q, saved.k, saved.v, context, rows);
  const attrs = attentionAttrs(layer, context);
  const rotated = attentionBackward(dO, { ...inputs, o: saved.o, lse: saved.lse }, attrs);
  dispose([dO, saved.q, saved.k, saved.v, saved.o]);
  const queryPositions = rows ? gather(context.positions, rows) : context.positions;
  const dq = ropeForward(rotated.dq, queryPositions, ropeAttrs(context, true));
  const dk = ropeForward(rotated.dk, context.positions, ropeAttrs(context, true));

  const n1 = rmsNormForward(x, norms.input_layernorm.weight, eps); // [T, H]
  const wantsInput = inputGradient || norms.input_layernorm.trained !== undefined;
  const input = (name: 'q_proj' | 'k_proj' | 'v_proj', grad: Tensor2D, from: Tensor2D, residual?: Tensor2D) => {
    const kept = { x: from, t: saved[`${name[0]}.t`] };
    return linearBackward(grad, kept, linears[`self_attn.${name}`], { residual, dropout, inputGradient: wantsInput });
  };
  const dn1v = input('v_proj', rotated.dv, n1);
  const dn1kv = input('k_proj', dk, n1, dn1v);
  const dn1q = input('q_proj', dq, rows ? gather(n1, rows) : n1, rows ? undefined : dn1kv); // [Q, H]
  if (!wantsInput) return undefined;
  const tokens = x.shape[0];
  const spread = (perRow: Tensor2D) => (rows ? addRows(perRow, rows, tokens) : perRow);
  const dn1 = rows ? (add(dn1kv!, spread(dn1q!)) as Tensor2D) : dn1q!;
  return normBackward(dn1, x, norms.input_layernorm, eps, spread(dh));
}

function normBackward(dy: Tensor2D, x: Tensor2D, norm: Norm, eps: number, residual?: Tensor2D): Tensor2D {
  const options = { residual, weightGradient: norm.trained !== undefined };
  const { dx, dweight } = rmsNormBackward(dy, x, norm.weight, eps, options);
  if (norm.trained) accumulate(norm.trained, dweight!);
  return dx;
}

export function attentionAttrs({ index }: Layer, { config, softcap }: BlockContext): AttentionAttrs {
  const { numAttentionHeads, numKeyValueHeads, headDim, queryPreAttnScalar, slidingWindow, slidingLayers } = config;
  return {
    numHeads: numAttentionHeads,
    numKeyValueHeads,
    headDim,
    scale: queryPreAttnScalar ** -0.5,
    softcap,
    slidingWindow: slidingLayers[index] ? slidingWindow : 0,
  };
}

export function attentionInputs(q: Tensor2D, k: Tensor2D, v: Tensor2D, context: BlockContext, rows?: Tensor1D) {
  const { offsets, allRows, shared } = context;
  if (!shared) return { q, k, v, offsets, rows: rows ?? allRows };
  const [keys, values] = [k, v].map((each) => gather(each, shared.source));
  return { q, k: keys, v: values, offsets, rows: rows ? shared.pooled : allRows };
}

function ropeAttrs({ config, ropeFrequencies }: BlockContext, inverse: boolean): RopeAttrs {
  return { headDim: config.headDim, theta: config.ropeTheta, frequencyDtype: ropeFrequencies, inverse };
}
