/** @file RmsNorm and its gradient on engine `cuda`. */

import { cudaKernel, cudaLauncher } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import { ptx } from '../../cuda/ptx.js';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './attrs.js';

/** Threads that share a row. */
const THREADS = 128;
/** Columns that a block of the weight's gradient takes, and rows that it reads at a time. */
const COLUMNS = 32;
const ROW_LANES = 8;

const forward = cudaKernel({
  ptx,
  name: 'rmsNorm',
  inputs: ['x', 'weight'],
  optional: ['residual'],
  outputs: ['y'],
  params: { width: 'u32', eps: 'f32' },
  threads: THREADS,
});

const backward = cudaKernel({
  ptx,
  name: 'rmsNormBackward',
  inputs: ['dy', 'x', 'weight'],
  optional: ['residual'],
  outputs: ['dx', 'inverseRms'],
  params: { width: 'u32', eps: 'f32' },
  threads: THREADS,
});

const weightGradient = cudaKernel({
  ptx,
  name: 'rmsNormWeightGradient',
  inputs: ['dy', 'x', 'inverseRms'],
  outputs: ['dweight'],
  params: { tokens: 'u32', width: 'u32' },
  threads: COLUMNS * ROW_LANES,
});

export const rmsNormCuda: OpKernel<RmsNormAttrs> = ({ inputs, attrs, backend }) => {
  const [tokens, width] = inputs.x.shape;
  return cudaLauncher(backend).run(forward, {
    inputs,
    outputs: { y: [tokens, width] },
    params: { width, eps: attrs.eps },
    grid: [tokens],
  });
};

export const rmsNormBackwardCuda: OpKernel<RmsNormBackwardAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = cudaLauncher(backend);
  const [tokens, width] = inputs.x.shape;
  return launcher.scope(() => {
    const [dx, inverseRms] = launcher.run(backward, {
      inputs,
      outputs: { dx: [tokens, width], inverseRms: [tokens] },
      params: { width, eps: attrs.eps },
      grid: [tokens],
    });
    if (!attrs.weightGradient) return [dx];
    const [dweight] = launcher.run(weightGradient, {
      inputs: { dy: inputs.dy, x: inputs.x, inverseRms },
      outputs: { dweight: [width] },
      params: { tokens, width },
      grid: [Math.ceil(width / COLUMNS)],
    });
    return [dx, dweight];
  });
};
