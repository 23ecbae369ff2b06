/**
 * @file One AdamW step of one tensor (Loshchilov and Hutter 2019), in torch.optim.AdamW's order:
 *   p *= 1 - lr wd;  m += (g - m)(1 - b1);  v = b2 v + (1 - b2) g^2;
 *   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps),
 * with g = gradientScale * gradient (clipping), the bias corrections in double and the rest in float32.
 */

import { defineOp, runOp } from '@arena/runtime';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { adamWCuda, squaredNormCuda } from './cuda.js';
import { adamWReference, squaredNormReference } from './reference.js';
import { adamWSamples, squaredNormSamples } from './samples.js';
import { adamWWasm, squaredNormWasm } from './wasm.js';
import { adamWWebgpu, squaredNormWebgpu } from './webgpu.js';

/** The numbers of a step. `gradientScale` is the clipping's factor, 1 for none. */
export interface AdamWAttrs {
  learningRate: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Number of this step, from 1. */
  step: number;
  gradientScale: number;
}

/** Inputs param, gradient, expAvg, expAvgSq of one shape -> the new param, expAvg, expAvgSq. */
export const adamWOp = defineOp<AdamWAttrs>({
  name: 'AdamW',
  reference: adamWReference,
  kernels: { wasm: adamWWasm, webgpu: adamWWebgpu, cuda: adamWCuda },
  samples: adamWSamples,
});

/** Input x of any shape -> the sum of its squares []. */
export const squaredNormOp = defineOp<Record<string, never>>({
  name: 'SquaredNorm',
  reference: squaredNormReference,
  kernels: { wasm: squaredNormWasm, webgpu: squaredNormWebgpu, cuda: squaredNormCuda },
  samples: squaredNormSamples,
});

/** A parameter with its first and second moment, of one shape; the names are torch's. */
export interface AdamWTensors {
  param: Tensor;
  expAvg: Tensor;
  expAvgSq: Tensor;
}

/** The three tensors after a step, new ones: the caller disposes of the old. */
export function adamWStep(tensors: AdamWTensors, gradient: Tensor, attrs: AdamWAttrs): AdamWTensors {
  const [param, expAvg, expAvgSq] = runOp(adamWOp, { ...tensors, gradient }, attrs);
  return { param, expAvg, expAvgSq };
}

/** Sum of the squares of all values, not its root. [] */
export function squaredNorm(x: Tensor): Scalar {
  return runOp(squaredNormOp, { x }, {})[0] as Scalar;
}
