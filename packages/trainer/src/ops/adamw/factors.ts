/** @file Numbers of a step for every engine's kernel. The reference computes them itself. */
import type { AdamWAttrs } from './attrs.js';

/** Factors of the update, by the kernels' names for them. */
export function adamWFactors({ learningRate, beta1, beta2, eps, weightDecay, step, gradientScale }: AdamWAttrs) {
  return {
    gradientScale,
    decay: 1 - learningRate * weightDecay,
    rate1: 1 - beta1,
    beta2,
    rate2: 1 - beta2,
    correction2: Math.sqrt(1 - beta2 ** step),
    eps,
    stepSize: learningRate / (1 - beta1 ** step),
  };
}
