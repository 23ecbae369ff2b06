/** @file Swiglu on engine `webgpu`. */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, spread } from '@arena/runtime/webgpu';
import type { SwigluAttrs } from './attrs.js';

/** Values of a workgroup: one for each invocation. */
const VALUES = 256;

const forward = gpuKernel({
  name: 'Swiglu',
  inputs: { gate: 'f32', up: 'f32' },
  outputs: { y: 'f32' },
  params: { count: 'u32' },
  workgroupSize: VALUES,
  main: `
    let i = workgroup * ${VALUES}u + lane;
    if (i >= params.count) { return; }
    let x = gate[i];
    y[i] = x / (1.0 + exp(min(-x, 88.0))) * up[i];`,
});

export const swigluWebgpu: OpKernel<SwigluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const groups = spread(Math.ceil(count / VALUES));
  return gpuLauncher(backend).run(forward, { inputs, outputs: { y: shape }, params: { count }, groups });
};
