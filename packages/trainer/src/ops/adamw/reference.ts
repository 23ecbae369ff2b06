/** @file AdamW and SquaredNorm in plain tfjs ops. */

import { add, div, mul, scalar, sqrt, square, sub, sum, type Tensor } from '@tensorflow/tfjs-core';
import type { AdamWAttrs, AdamWInputs, SquaredNormInputs } from './attrs.js';

export function adamWReference({ param, gradient, expAvg, expAvgSq }: AdamWInputs, attrs: AdamWAttrs): Tensor[] {
  const { learningRate, beta1, beta2, eps, weightDecay, step, gradientScale } = attrs;
  const g = mul(gradient, scalar(gradientScale));
  const decayed = mul(param, scalar(1 - learningRate * weightDecay));
  const m = add(expAvg, mul(sub(g, expAvg), scalar(1 - beta1)));
  const v = add(mul(expAvgSq, scalar(beta2)), mul(square(g), scalar(1 - beta2)));
  const denominator = add(div(sqrt(v), scalar(Math.sqrt(1 - beta2 ** step))), scalar(eps));
  const stepSize = learningRate / (1 - beta1 ** step);
  return [sub(decayed, mul(div(m, denominator), scalar(stepSize))), m, v];
}

export function squaredNormReference({ x }: SquaredNormInputs): Tensor[] {
  return [sum(square(x))];
}
