/**
 * @file Gemma's RMSNorm, with an optional residual: y = x r (1 + w) (+ residual), r = (mean(x^2) + eps)^(-1/2).
 *
 * Gradient, with xh = x r and g = dy (1 + w): dr/dx_i = -r^3 x_i / H, so
 *   dx = r (g - xh mean(g xh)),   dw = sum over tokens of dy xh.
 * The residual's gradient is dy itself.
 */

import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';
import type { RmsNormAttrs, RmsNormBackwardAttrs, RmsNormBackwardInputs, RmsNormInputs } from './attrs.js';
import { rmsNormBackwardCuda, rmsNormCuda } from './cuda.js';
import { rmsNormBackwardReference, rmsNormReference } from './reference.js';
import { rmsNormBackwardSamples, rmsNormSamples } from './samples.js';
import { rmsNormBackwardWasm, rmsNormWasm } from './wasm.js';
import { rmsNormBackwardWebgpu, rmsNormWebgpu } from './webgpu.js';

export type { RmsNormAttrs, RmsNormBackwardAttrs } from './attrs.js';

/** Inputs x [T, H], weight [H], residual? [T, H] -> y [T, H]. */
export const rmsNormOp = defineOp<RmsNormAttrs, RmsNormInputs, [y: Tensor2D]>({
  name: 'RmsNorm',
  package: '@arena/decoder',
  reference: rmsNormReference,
  kernels: { wasm: rmsNormWasm, webgpu: rmsNormWebgpu, cuda: rmsNormCuda },
  samples: rmsNormSamples,
});

/** Inputs dy [T, H], x [T, H], weight [H], residual? [T, H] -> dx (+ residual) [T, H] and, when wanted, dw [H]. */
export const rmsNormBackwardOp = defineOp<
  RmsNormBackwardAttrs,
  RmsNormBackwardInputs,
  [dx: Tensor2D, dweight?: Tensor1D]
>({
  name: 'RmsNormBackward',
  package: '@arena/decoder',
  reference: rmsNormBackwardReference,
  kernels: { wasm: rmsNormBackwardWasm, webgpu: rmsNormBackwardWebgpu, cuda: rmsNormBackwardCuda },
  samples: rmsNormBackwardSamples,
});

/** Forward pass; `residual` is added to the result. */
export function rmsNormForward(x: Tensor2D, weight: Tensor1D, eps: number, residual?: Tensor2D): Tensor2D {
  return runOp(rmsNormOp, { x, weight, residual }, { eps })[0];
}

/** Backward pass; `residual`, the gradient that arrives at x by another way, is added to dx. */
export function rmsNormBackward(
  dy: Tensor2D,
  x: Tensor2D,
  weight: Tensor1D,
  eps: number,
  { residual, weightGradient = false }: { residual?: Tensor2D; weightGradient?: boolean } = {},
): { dx: Tensor2D; dweight?: Tensor1D } {
  const [dx, dweight] = runOp(rmsNormBackwardOp, { dy, x, weight, residual }, { eps, weightGradient });
  return { dx, dweight };
}

/** RMSNorm as a differentiable op of tfjs: gradients by x and weight. [T, H] -> [T, H] */
export function rmsNorm(x: Tensor2D, weight: Tensor1D, eps = 1e-6): Tensor2D {
  const op = customGrad((...args) => {
    const [input, w, save] = args as unknown as [Tensor2D, Tensor1D, (tensors: Tensor[]) => void];
    save([input, w]);
    return {
      value: rmsNormForward(input, w, eps),
      gradFunc: (dy: Tensor, [sx, sw]: Tensor[]) => {
        const options = { weightGradient: true };
        const { dx, dweight } = rmsNormBackward(dy as Tensor2D, sx as Tensor2D, sw as Tensor1D, eps, options);
        return [dx, dweight!];
      },
    };
  });
  return op(x, weight) as Tensor2D;
}
