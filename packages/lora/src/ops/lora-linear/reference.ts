/** @file LoraLinear and its gradients in plain tfjs ops. */

import { dequantizeReference } from '@arena/quant';
import { type DropoutMask, dropoutMask } from '@arena/random';
import type { OpInputs } from '@arena/runtime';
import { add, matMul, mul, scalar, type Tensor, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import type { LoraLinearAttrs, LoraLinearBackwardAttrs } from './op.js';

export function loraLinearReference(inputs: OpInputs, { scaling, quant, dropout }: LoraLinearAttrs): Tensor[] {
  const { x, A, B } = inputs as { [name: string]: Tensor2D };
  const t = matMul(drop(x, dropout), A, false, true); // [M, r]
  const base = matMul(x, frozen(inputs, quant), false, true); // [M, N]
  return [add(base, mul(matMul(t, B, false, true), scalar(scaling))), t];
}

export function loraLinearBackwardReference(inputs: OpInputs, attrs: LoraLinearBackwardAttrs): Tensor[] {
  const { scaling, quant, dropout, inputGradient } = attrs;
  const { dy, x, t, A, B, residual } = inputs as { [name: string]: Tensor2D };
  const u = mul(matMul(dy, B), scalar(scaling)) as Tensor2D; // [M, r]
  const dA = matMul(u, drop(x, dropout), true, false);
  const dB = mul(matMul(dy, t, true, false), scalar(scaling));
  if (!inputGradient) return [dA, dB];
  const dx = add(matMul(dy, frozen(inputs, quant)), drop(matMul(u, A), dropout));
  return [dA, dB, residual ? add(dx, residual) : dx];
}

function frozen(inputs: OpInputs, quant: LoraLinearAttrs['quant']): Tensor2D {
  return (quant ? dequantizeReference(inputs, quant) : inputs.weight) as Tensor2D;
}

function drop(x: Tensor2D, dropout?: DropoutMask): Tensor2D {
  return dropout ? (mul(x, tensor2d(dropoutMask(dropout, x.size), x.shape)) as Tensor2D) : x;
}
