/**
 * @file One AdamW step of one tensor (Loshchilov and Hutter 2019), in torch.optim.AdamW's order:
 *   p *= 1 - lr wd;  m += (g - m)(1 - b1);  v = b2 v + (1 - b2) g^2;
 *   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps),
 * with g = gradientScale * gradient (clipping), the bias corrections in double and the rest in float32.
 */

import { defineOp, runOp } from '@arena/runtime/op';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { AdamWAttrs, AdamWInputs, AdamWTensors, SquaredNormInputs } from './attrs.js';
import { adamWCuda, squaredNormCuda } from './cuda.js';
import { adamWReference, squaredNormReference } from './reference.js';
import { adamWSamples, squaredNormSamples } from './samples.js';
import { adamWWasm, squaredNormWasm } from './wasm.js';
import { adamWWebgpu, squaredNormWebgpu } from './webgpu.js';

export type { AdamWAttrs, AdamWTensors } from './attrs.js';

/** Inputs param, gradient, expAvg, expAvgSq of one shape -> the new param, expAvg, expAvgSq. */
export const adamWOp = defineOp<AdamWAttrs, AdamWInputs, [param: Tensor, expAvg: Tensor, expAvgSq: Tensor]>({
  name: 'AdamW',
  package: '@arena/trainer',
  reference: adamWReference,
  kernels: { wasm: adamWWasm, webgpu: adamWWebgpu, cuda: adamWCuda },
  samples: adamWSamples,
});

/** Input x of any shape -> the sum of its squares []. */
export const squaredNormOp = defineOp<Record<string, never>, SquaredNormInputs, [sum: Scalar]>({
  name: 'SquaredNorm',
  package: '@arena/trainer',
  reference: squaredNormReference,
  kernels: { wasm: squaredNormWasm, webgpu: squaredNormWebgpu, cuda: squaredNormCuda },
  samples: squaredNormSamples,
});

/** The three new tensors after a step. The caller disposes of the old ones. */
export function adamWStep(tensors: AdamWTensors, gradient: Tensor, attrs: AdamWAttrs): AdamWTensors {
  const [param, expAvg, expAvgSq] = runOp(adamWOp, { ...tensors, gradient }, attrs);
  return { param, expAvg, expAvgSq };
}

/** Sum of the squares of all values, not its root. [] */
export function squaredNorm(x: Tensor): Scalar {
  return runOp(squaredNormOp, { x }, {})[0];
}
