/**
 * @file Rotary position embedding over halves (Su et al. 2021; modeling_gemma2.py rotate_half): with f = position *
 * theta^(-2i/D), (x_i, x_{i+D/2}) -> (x_i cos f - x_{i+D/2} sin f, x_{i+D/2} cos f + x_i sin f).
 *
 * Gradient: a rotation's transpose is the rotation by -f, so the backward is the op with `inverse`.
 */

import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';
import type { RopeAttrs, RopeInputs } from './attrs.js';
import { ropeCuda } from './cuda.js';
import { ropeReference } from './reference.js';
import { ropeSamples } from './samples.js';
import { ropeWasm } from './wasm.js';
import { ropeWebgpu } from './webgpu.js';

export type { RopeAttrs } from './attrs.js';

/** Inputs x [T, heads * headDim], positions int32 [T] -> [T, heads * headDim]. */
export const ropeOp = defineOp<RopeAttrs, RopeInputs, [y: Tensor2D]>({
  name: 'Rope',
  package: '@arena/decoder',
  reference: ropeReference,
  kernels: { wasm: ropeWasm, webgpu: ropeWebgpu, cuda: ropeCuda },
  samples: ropeSamples,
});

/** The rotation (or its inverse) without a gradient. */
export function ropeForward(x: Tensor2D, positions: Tensor1D, attrs: RopeAttrs): Tensor2D {
  return runOp(ropeOp, { x, positions }, attrs)[0];
}

/** RoPE as a differentiable op of tfjs. x [T, heads * headDim], positions int32 [T]. */
export function rope(x: Tensor2D, positions: Tensor1D, headDim: number, theta = 10000): Tensor2D {
  const attrs: RopeAttrs = { headDim, theta, factor: 1, frequencyDtype: 'float32', inverse: false };
  const op = customGrad((input) => ({
    value: ropeForward(input as Tensor2D, positions, attrs),
    gradFunc: (dy: Tensor) => ropeForward(dy as Tensor2D, positions, { ...attrs, inverse: true }),
  }));
  return op(x) as Tensor2D;
}
