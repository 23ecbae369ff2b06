/** @file AdamW and SquaredNorm on engine `wasm`. */
import type { OpKernel } from '@arena/runtime/op';
import { wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { util } from '@tensorflow/tfjs-core';
import { kernels } from '../../wasm/kernels.generated.js';
import type { AdamWAttrs } from './attrs.js';
import { adamWFactors } from './factors.js';

const step = wasmKernel({
  module: kernels,
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
});

const squaredParts = wasmKernel({
  module: kernels,
  name: 'squaredParts',
  inputs: ['x'],
  outputs: ['y'],
  params: { count: 'u32' },
});

const sumParts = wasmKernel({
  module: kernels,
  name: 'sumParts',
  inputs: ['x'],
  outputs: ['y'],
  params: { count: 'u32' },
});

/** Values of one task. */
const { VALUES } = step.constants;

export const adamWWasm: OpKernel<AdamWAttrs> = ({ inputs, attrs, backend }) => {
  const { shape } = inputs.param;
  const count = util.sizeFromShape(shape);
  return wasmBackend(backend).run(step, {
    inputs,
    outputs: { newParam: shape, newExpAvg: shape, newExpAvgSq: shape },
    params: { count, ...adamWFactors(attrs) },
    tasks: Math.ceil(count / VALUES),
  });
};

export const squaredNormWasm: OpKernel<Record<string, never>> = ({ inputs: { x }, backend: current }) => {
  const backend = wasmBackend(current);
  const count = util.sizeFromShape(x.shape);
  const tasks = Math.ceil(count / VALUES);
  return backend.withMemory(8 * tasks, (parts) => {
    backend.run(squaredParts, { inputs: { x }, outputs: { y: parts }, params: { count }, tasks });
    return backend.run(sumParts, { inputs: { x: parts }, outputs: { y: [] }, params: { count: tasks }, tasks: 1 });
  });
};
