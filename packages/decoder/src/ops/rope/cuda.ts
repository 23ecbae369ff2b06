/** @file Rope on engine `cuda`. */

import { cudaKernel, cudaLauncher } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import { ptx } from '../../cuda/ptx.js';
import type { RopeAttrs } from './attrs.js';
import { inverseFrequencies } from './reference.js';

/** Pairs of values of a block: one for each thread. */
const THREADS = 256;

const kernel = cudaKernel({
  ptx,
  name: 'rotate',
  inputs: ['x', 'positions', 'frequencies'],
  outputs: ['y'],
  params: { pairs: 'u32', width: 'u32', headDim: 'u32', sign: 'f32' },
  threads: THREADS,
});

/** One array for each model, which the device then holds once. */
const tables = new Map<string, Float32Array>();

function frequenciesOf(attrs: RopeAttrs): Float32Array {
  const key = `${attrs.headDim} ${attrs.theta} ${attrs.factor} ${attrs.frequencyDtype}`;
  const table = tables.get(key) ?? inverseFrequencies(attrs);
  tables.set(key, table);
  return table;
}

export const ropeCuda: OpKernel<RopeAttrs> = ({ inputs, attrs, backend }) => {
  const { headDim, inverse } = attrs;
  const [tokens, width] = inputs.x.shape;
  const pairs = (tokens * width) / 2;
  return cudaLauncher(backend).run(kernel, {
    inputs: { ...inputs, frequencies: frequenciesOf(attrs) },
    outputs: { y: [tokens, width] },
    params: { pairs, width, headDim, sign: inverse ? -1 : 1 },
    grid: [Math.ceil(pairs / THREADS)],
  });
};
