/** @file GeGlu and its gradient on engine `cuda`. */

import { cudaKernel, cudaLauncher } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import { ptx } from '../../cuda/ptx.js';
import type { GegluAttrs } from './attrs.js';

/** Values of a block: one for each thread. */
const THREADS = 256;

const forward = cudaKernel({
  ptx,
  name: 'geGlu',
  inputs: ['gate', 'up'],
  outputs: ['y'],
  params: { count: 'u32' },
  threads: THREADS,
});

const backward = cudaKernel({
  ptx,
  name: 'geGluBackward',
  inputs: ['dy', 'gate', 'up'],
  outputs: ['dgate', 'dup'],
  params: { count: 'u32' },
  threads: THREADS,
});

export const gegluCuda: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const grid = [Math.ceil(count / THREADS)];
  return cudaLauncher(backend).run(forward, { inputs, outputs: { y: shape }, params: { count }, grid });
};

export const gegluBackwardCuda: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const grid = [Math.ceil(count / THREADS)];
  const outputs = { dgate: shape, dup: shape };
  return cudaLauncher(backend).run(backward, { inputs, outputs, params: { count }, grid });
};
