/** @file RmsNorm and its gradient in plain tfjs ops. */

import { add, mean, mul, rsqrt, scalar, square, sub, sum, type Tensor } from '@tensorflow/tfjs-core';
import type { RmsNormAttrs, RmsNormBackwardAttrs, RmsNormBackwardInputs, RmsNormInputs } from './attrs.js';

export function rmsNormReference({ x, weight, residual }: RmsNormInputs, { eps }: RmsNormAttrs): Tensor[] {
  const y = mul(mul(x, inverseRms(x, eps)), add(weight, scalar(1)));
  return [residual ? add(y, residual) : y];
}

export function rmsNormBackwardReference(
  inputs: RmsNormBackwardInputs,
  { eps, weightGradient }: RmsNormBackwardAttrs,
): Tensor[] {
  const { dy, x, weight, residual } = inputs;
  const r = inverseRms(x, eps); // [T, 1]
  const normed = mul(x, r);
  const g = mul(dy, add(weight, scalar(1)));
  const dx = mul(r, sub(g, mul(normed, mean(mul(g, normed), -1, true))));
  const outputs = [residual ? add(dx, residual) : dx];
  if (weightGradient) outputs.push(sum(mul(dy, normed), 0));
  return outputs;
}

function inverseRms(x: Tensor, eps: number): Tensor {
  return rsqrt(add(mean(square(x), -1, true), scalar(eps)));
}
