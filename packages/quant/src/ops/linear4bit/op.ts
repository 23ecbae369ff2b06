/** @file A product with a frozen 4-bit matrix, in both orientations, from one packed copy. */

import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor2D } from '@tensorflow/tfjs-core';
import { QuantError } from '../../error.js';
import type { Weight4bit } from '../../weight.js';
import type { Linear4bitAttrs, Linear4bitInputs } from './attrs.js';
import { linear4bitCuda } from './cuda.js';
import { linear4bitReference } from './reference.js';
import { linear4bitSamples } from './samples.js';
import { linear4bitWasm } from './wasm.js';
import { linear4bitWebgpu } from './webgpu.js';

export type { Linear4bitAttrs } from './attrs.js';

/** Inputs: x, codes, absmax, nestedAbsmax?. Output: one matrix. */
export const linear4bitOp = defineOp<Linear4bitAttrs, Linear4bitInputs, [y: Tensor2D]>({
  name: 'Linear4bit',
  package: '@arena/quant',
  reference: linear4bitReference,
  kernels: { wasm: linear4bitWasm, webgpu: linear4bitWebgpu, cuda: linear4bitCuda },
  samples: linear4bitSamples,
});

/**
 * y = x W^T with a frozen 4-bit W: [M, inFeatures] -> [M, outFeatures]. Differentiable by x.
 *
 * Gradient: dL/dx = dL/dy W, the same op with `transposed`; W has none.
 * @throws QuantError when the width of x does not fit the weight.
 */
export function linear4bit(x: Tensor2D, weight: Weight4bit): Tensor2D {
  const op = customGrad((input, _save) => ({
    value: linear4bitForward(input as Tensor2D, weight),
    gradFunc: (dy) => linear4bitBackward(dy as Tensor2D, weight),
  }));
  return op(x) as Tensor2D;
}

/** The product alone, without a gradient: [M, inFeatures] -> [M, outFeatures]. */
export function linear4bitForward(x: Tensor2D, weight: Weight4bit): Tensor2D {
  return run(x, weight, false, weight.attrs.inFeatures);
}

/** dy W: [M, outFeatures] -> [M, inFeatures]. */
export function linear4bitBackward(dy: Tensor2D, weight: Weight4bit): Tensor2D {
  return run(dy, weight, true, weight.attrs.outFeatures);
}

function run(x: Tensor2D, { attrs, tensors }: Weight4bit, transposed: boolean, width: number): Tensor2D {
  if (x.rank !== 2 || x.shape[1] !== width) {
    throw new QuantError(
      'argument',
      `linear4bit: input [${x.shape}] does not fit a weight that takes [tokens, ${width}]`,
    );
  }
  return runOp(linear4bitOp, { x, ...tensors }, { ...attrs, transposed })[0];
}
