/** @file AdamW and SquaredNorm on engine `cuda`. */

import { cudaKernel, cudaLauncher } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import { util } from '@tensorflow/tfjs-core';
import { ptx } from '../../cuda/ptx.js';
import type { AdamWAttrs } from './attrs.js';
import { adamWFactors } from './factors.js';

/** Threads of a block; a step takes one value each. */
const THREADS = 256;
/** Threads and values of a block of the sums. They fix their order. */
const [SUM_THREADS, VALUES] = [1024, 65536];

const step = cudaKernel({
  ptx,
  name: 'adamW',
  inputs: ['param', 'gradient', 'expAvg', 'expAvgSq'],
  outputs: ['newParam', 'newExpAvg', 'newExpAvgSq'],
  params: {
    count: 'u32',
    gradientScale: 'f32',
    decay: 'f32',
    rate1: 'f32',
    beta2: 'f32',
    rate2: 'f32',
    correction2: 'f32',
    eps: 'f32',
    stepSize: 'f32',
  },
  threads: THREADS,
});

const sum = cudaKernel({
  ptx,
  name: 'squaredNorm',
  inputs: ['x'],
  outputs: ['y'],
  // whether to square x: it holds values, or sums of the first pass
  params: { count: 'u32', square: 'i32' },
  threads: SUM_THREADS,
});

export const adamWCuda: OpKernel<AdamWAttrs> = ({ inputs, attrs, backend }) => {
  const { shape } = inputs.param;
  const count = util.sizeFromShape(shape);
  return cudaLauncher(backend).run(step, {
    inputs,
    outputs: { newParam: shape, newExpAvg: shape, newExpAvgSq: shape },
    params: { count, ...adamWFactors(attrs) },
    grid: [Math.ceil(count / THREADS)],
  });
};

export const squaredNormCuda: OpKernel<Record<string, never>> = ({ inputs: { x }, backend }) => {
  const launcher = cudaLauncher(backend);
  return launcher.scope(() => {
    let values = util.sizeFromShape(x.shape);
    for (let [from, square] = [x, 1]; ; square = 0) {
      const parts = Math.ceil(values / VALUES);
      [from] = launcher.run(sum, {
        inputs: { x: from },
        outputs: { y: parts === 1 ? [] : [parts] },
        params: { count: values, square },
        grid: [parts],
      });
      if (parts === 1) return [from];
      values = parts;
    }
  });
};
