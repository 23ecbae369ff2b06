/** @file LoraLinear and its gradients in plain tfjs ops. */

import { dequantizeReference, widenBlocks } from '@arena/quant/ops';
import { type DropoutMask, dropoutMask } from '@arena/random';
import { add, matMul, mul, scalar, type Tensor, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import type {
  FrozenInputs,
  LoraLinearAttrs,
  LoraLinearBackwardAttrs,
  LoraLinearBackwardInputs,
  LoraLinearInputs,
} from './attrs.js';

export function loraLinearReference(inputs: LoraLinearInputs, attrs: LoraLinearAttrs): Tensor[] {
  const { scaling, dropout } = attrs;
  const { x, A, B } = inputs;
  const t = matMul(drop(x, dropout), A, false, true); // [M, r]
  const base = matMul(x, frozen(inputs, attrs), false, true); // [M, N]
  return [add(base, mul(matMul(t, B, false, true), scalar(scaling))), t];
}

export function loraLinearBackwardReference(
  inputs: LoraLinearBackwardInputs,
  attrs: LoraLinearBackwardAttrs,
): Tensor[] {
  const { scaling, dropout, inputGradient } = attrs;
  const { dy, x, t, A, B, residual } = inputs;
  const u = mul<Tensor2D>(matMul(dy, B), scalar(scaling)); // [M, r]
  const dA = matMul(u, drop(x, dropout), true, false);
  const dB = mul(matMul(dy, t, true, false), scalar(scaling));
  if (!inputGradient) return [dA, dB];
  const dx = add(matMul(dy, frozen(inputs, attrs)), drop(matMul(u, A), dropout));
  return [dA, dB, residual ? add(dx, residual) : dx];
}

function frozen(inputs: FrozenInputs, { quant, layout }: LoraLinearAttrs): Tensor2D {
  if ('weight' in inputs) return inputs.weight;
  return 'blocks' in inputs ? widenBlocks(inputs.blocks, layout!) : dequantizeReference(inputs, quant!);
}

function drop(x: Tensor2D, dropout?: DropoutMask): Tensor2D {
  return dropout ? mul<Tensor2D>(x, tensor2d(dropoutMask(dropout, x.size), x.shape)) : x;
}
