/**
 * @file The half of a layer that works on each token alone:
 *
 *   y = h + post_feedforward_layernorm(down_proj(geglu(gate, up))),   gate, up of pre_feedforward_layernorm(h)
 */
import { dispose, type Tensor2D } from '@tensorflow/tfjs-core';
import { linearBackward, linearForward } from './linear.js';
import type { Mlp } from './model.js';
import { normBackward, normForward } from './norm.js';
import { gegluBackward, gegluForward } from './ops/geglu/op.js';
import type { PassContext } from './pass-context.js';

/** What the backward pass of the half needs beside its input h. */
export type MlpSaved = {
  /** [Q, I] */
  gate: Tensor2D;
  up: Tensor2D;
  /** Output of down_proj [Q, H]. */
  d: Tensor2D;
  /** x A^T of each adapter. */
  t: { gate_proj?: Tensor2D; up_proj?: Tensor2D; down_proj?: Tensor2D };
};

/** What activation checkpointing keeps: the output of down_proj takes a quarter of the layer's work and little memory. */
export type MlpCheckpoint = {
  d: Tensor2D;
  t: { down_proj?: Tensor2D };
};

/** float32 values a token of what is saved, but for `t`: each adapter's is its rank. */
export function mlpWidths(intermediateSize: number, hiddenSize: number): Record<Exclude<keyof MlpSaved, 't'>, number> {
  return { gate: intermediateSize, up: intermediateSize, d: hiddenSize };
}

/** Forward pass. h [Q, H] -> y [Q, H]. */
export function mlpHalf(h: Tensor2D, half: Mlp, context: PassContext): { y: Tensor2D; saved: MlpSaved } {
  const { eps, dropout, trace } = context;
  const wide = widen(h, half, context);
  const down = linearForward(gegluForward(wide.gate, wide.up), half.down_proj, dropout); // [Q, H]
  trace?.('mlp', down.y);
  const y = normForward(down.y, half.post_feedforward_layernorm, eps, h);
  trace?.('out', y);
  return { y, saved: { ...wide, d: down.y, t: { ...wide.t, down_proj: down.t } } };
}

/** What {@link mlpHalf} saved, from its input and a checkpoint of it. */
export function mlpAgain(h: Tensor2D, { d, t }: MlpCheckpoint, half: Mlp, context: PassContext): MlpSaved {
  const wide = widen(h, half, context);
  return { ...wide, d, t: { ...wide.t, ...t } };
}

/** The half as far as gate and up. */
function widen(h: Tensor2D, half: Mlp, { eps, dropout, trace }: PassContext): Omit<MlpSaved, 'd'> {
  const n2 = normForward(h, half.pre_feedforward_layernorm, eps);
  trace?.('pre_feedforward_layernorm', n2);
  const gate = linearForward(n2, half.gate_proj, dropout); // [Q, I]
  const up = linearForward(n2, half.up_proj, dropout);
  dispose(n2);
  return { gate: gate.y, up: up.y, t: { gate_proj: gate.t, up_proj: up.t } };
}

/** Backward pass: dy [Q, H] -> dh [Q, H]; the gradients of what the half trains gather on their parameters. */
export function mlpHalfBackward(
  dy: Tensor2D,
  h: Tensor2D,
  saved: MlpSaved,
  half: Mlp,
  { eps, dropout }: PassContext,
): Tensor2D {
  const input = (name: 'gate_proj' | 'up_proj' | 'down_proj', grad: Tensor2D, x: Tensor2D, residual?: Tensor2D) =>
    linearBackward(grad, { x, t: saved.t[name] }, half[name], { residual, dropout })!;
  const dd = normBackward(dy, saved.d, half.post_feedforward_layernorm, eps);
  const m = gegluForward(saved.gate, saved.up);
  const dm = input('down_proj', dd, m);
  dispose([dd, m, saved.d]);
  const { dgate, dup } = gegluBackward(dm, saved.gate, saved.up);
  dispose([dm, saved.gate, saved.up]);
  const n2 = normForward(h, half.pre_feedforward_layernorm, eps);
  const dn2 = input('gate_proj', dgate, n2, input('up_proj', dup, n2));
  return normBackward(dn2, h, half.pre_feedforward_layernorm, eps, dy);
}
