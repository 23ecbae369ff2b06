/** @file A product with a frozen matrix in blocks of ggml, in both orientations, from the bytes of the file. */
import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor2D } from '@tensorflow/tfjs-core';
import { QuantError } from '../../error.js';
import type { WeightBlocks } from '../../weight-blocks.js';
import type { LinearBlocksAttrs, LinearBlocksInputs } from './attrs.js';
import { linearBlocksReference } from './reference.js';
import { linearBlocksSamples } from './samples.js';
import { linearBlocksWasm } from './wasm.js';

export type { LinearBlocksAttrs } from './attrs.js';

/** Inputs: x, blocks. Output: one matrix. */
export const linearBlocksOp = defineOp<LinearBlocksAttrs, LinearBlocksInputs, [y: Tensor2D]>({
  name: 'LinearBlocks',
  package: '@arena/quant',
  reference: linearBlocksReference,
  kernels: { wasm: linearBlocksWasm },
  samples: linearBlocksSamples,
});

/**
 * y = x W^T with a frozen W in blocks: [M, inFeatures] -> [M, outFeatures]. Differentiable by x.
 *
 * Gradient: dL/dx = dL/dy W, the same op with `transposed`; W has none.
 * @throws QuantError when the width of x does not fit the weight.
 */
export function linearBlocks(x: Tensor2D, weight: WeightBlocks): Tensor2D {
  const op = customGrad((input, _save) => ({
    value: linearBlocksForward(input as Tensor2D, weight),
    gradFunc: (dy) => linearBlocksBackward(dy as Tensor2D, weight),
  }));
  return op(x) as Tensor2D;
}

/** The product alone, without a gradient: [M, inFeatures] -> [M, outFeatures]. */
export function linearBlocksForward(x: Tensor2D, weight: WeightBlocks): Tensor2D {
  return run(x, weight, false, weight.shape[1]);
}

/** dy W: [M, outFeatures] -> [M, inFeatures]. */
export function linearBlocksBackward(dy: Tensor2D, weight: WeightBlocks): Tensor2D {
  return run(dy, weight, true, weight.shape[0]);
}

function run(x: Tensor2D, { type, shape, tensors }: WeightBlocks, transposed: boolean, width: number): Tensor2D {
  if (x.rank !== 2 || x.shape[1] !== width) {
    throw new QuantError(
      'argument',
      `linearBlocks: input [${x.shape}] does not fit a weight that takes [tokens, ${width}]`,
    );
  }
  return runOp(linearBlocksOp, { x, ...tensors }, { type, shape, transposed })[0];
}
