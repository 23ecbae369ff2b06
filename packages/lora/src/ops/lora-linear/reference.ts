/** @file LoraLinear and its gradients in plain tfjs ops. */

import { dequantizeReference } from '@arena/quant/ops';
import { type DropoutMask, dropoutMask } from '@arena/random';
import { add, matMul, mul, scalar, type Tensor, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import type {
  FrozenInputs,
  LoraLinearAttrs,
  LoraLinearBackwardAttrs,
  LoraLinearBackwardInputs,
  LoraLinearInputs,
} from './attrs.js';

export function loraLinearReference(inputs: LoraLinearInputs, { scaling, quant, dropout }: LoraLinearAttrs): Tensor[] {
  const { x, A, B } = inputs;
  const t = matMul(drop(x, dropout), A, false, true); // [M, r]
  const base = matMul(x, frozen(inputs, quant), false, true); // [M, N]
  return [add(base, mul(matMul(t, B, false, true), scalar(scaling))), t];
}

export function loraLinearBackwardReference(
  inputs: LoraLinearBackwardInputs,
  attrs: LoraLinearBackwardAttrs,
): Tensor[] {
  const { scaling, quant, dropout, inputGradient } = attrs;
  const { dy, x, t, A, B, residual } = inputs;
  const u = mul<Tensor2D>(matMul(dy, B), scalar(scaling)); // [M, r]
  const dA = matMul(u, drop(x, dropout), true, false);
  const dB = mul(matMul(dy, t, true, false), scalar(scaling));
  if (!inputGradient) return [dA, dB];
  const dx = add(matMul(dy, frozen(inputs, quant)), drop(matMul(u, A), dropout));
  return [dA, dB, residual ? add(dx, residual) : dx];
}

function frozen(inputs: FrozenInputs, quant: LoraLinearAttrs['quant']): Tensor2D {
  return 'weight' in inputs ? inputs.weight : dequantizeReference(inputs, quant!);
}

function drop(x: Tensor2D, dropout?: DropoutMask): Tensor2D {
  return dropout ? mul<Tensor2D>(x, tensor2d(dropoutMask(dropout, x.size), x.shape)) : x;
}
