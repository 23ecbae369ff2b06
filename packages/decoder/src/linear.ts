/** @file One linear module of a layer, forward and backward, whatever it carries. */

import type { FrozenWeight } from '@arena/lora/ops';
import { loraLinearBackward, loraLinearForward } from '@arena/lora/ops';
import { linear4bitBackward, linear4bitForward, linearBlocksBackward, linearBlocksForward } from '@arena/quant/ops';
import type { DropoutMask } from '@arena/random';
import { accumulate } from '@arena/runtime';
import { add, matMul, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import type { Linear } from './model.js';

/** Names the dropout masks of one pass over the model; absent at evaluation. */
export interface DropoutStep {
  seed: number;
  /** Counts forward passes, so that no two share a mask. */
  step: number;
}

/** y = x W^T and the adapter's part [T, outFeatures]; `t` is kept for the backward pass when there is an adapter. */
export function linearForward(x: Tensor2D, linear: Linear, dropout?: DropoutStep): { y: Tensor2D; t?: Tensor2D } {
  const { weight, lora } = linear;
  if (lora) {
    const { A, B, scaling } = lora;
    return loraLinearForward(x, weight, A.value as Tensor2D, B.value as Tensor2D, scaling, maskOf(linear, dropout));
  }
  return { y: frozenForward(x, weight) };
}

/**
 * Gathers the gradients of what the module trains; gives dx [T, inFeatures] (+ residual) unless `inputGradient` is false.
 */
export function linearBackward(
  dy: Tensor2D,
  saved: { x: Tensor2D; t?: Tensor2D },
  linear: Linear,
  { inputGradient = true, residual, dropout }: { inputGradient?: boolean; residual?: Tensor2D; dropout?: DropoutStep },
): Tensor2D | undefined {
  const { weight, lora, trained } = linear;
  if (trained) accumulate(trained, matMul(dy, saved.x, true, false));
  if (lora) {
    const { A, B, scaling } = lora;
    const options = { scaling, dropout: maskOf(linear, dropout), inputGradient, residual };
    const kept = { x: saved.x, t: saved.t! };
    const { dA, dB, dx } = loraLinearBackward(dy, kept, weight, A.value as Tensor2D, B.value as Tensor2D, options);
    accumulate(A, dA);
    accumulate(B, dB);
    return dx;
  }
  if (!inputGradient) return undefined;
  return tidy(() => {
    const dx = frozenBackward(dy, weight);
    return residual ? (add(dx, residual) as Tensor2D) : dx;
  });
}

/** x W^T */
function frozenForward(x: Tensor2D, weight: FrozenWeight): Tensor2D {
  if (weight.kind === '4bit') return linear4bitForward(x, weight);
  return weight.kind === 'blocks' ? linearBlocksForward(x, weight) : matMul(x, weight.tensor, false, true);
}

/** dy W */
function frozenBackward(dy: Tensor2D, weight: FrozenWeight): Tensor2D {
  if (weight.kind === '4bit') return linear4bitBackward(dy, weight);
  return weight.kind === 'blocks' ? linearBlocksBackward(dy, weight) : matMul(dy, weight.tensor);
}

/** Whether training changes anything in the module. */
export function isTrained({ lora, trained }: Linear): boolean {
  return lora !== undefined || trained !== undefined;
}

function maskOf({ lora }: Linear, dropout?: DropoutStep): DropoutMask | undefined {
  if (!dropout || !lora?.dropout) return undefined;
  // 4,096 adapted modules at most, so the streams of successive passes do not meet.
  return { p: lora.dropout, seed: dropout.seed, stream: dropout.step * 4096 + lora.index };
}
