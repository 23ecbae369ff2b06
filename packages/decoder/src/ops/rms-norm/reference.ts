/** @file RmsNorm and its gradient in plain tfjs ops. */

import type { OpInputs } from '@arena/runtime';
import { add, mean, mul, rsqrt, scalar, square, sub, sum, type Tensor } from '@tensorflow/tfjs-core';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './op.js';

export function rmsNormReference({ x, weight, residual }: OpInputs, { eps }: RmsNormAttrs): Tensor[] {
  const y = mul(mul(x, inverseRms(x, eps)), add(weight, scalar(1)));
  return [residual ? add(y, residual) : y];
}

export function rmsNormBackwardReference(inputs: OpInputs, { eps, weightGradient }: RmsNormBackwardAttrs): Tensor[] {
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
