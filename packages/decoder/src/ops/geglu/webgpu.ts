/** @file GeGlu and its gradient on engine `webgpu`. */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, spread } from '@arena/runtime/webgpu';
import type { GegluAttrs } from './attrs.js';

/** Values of a workgroup: one for each invocation. */
const VALUES = 256;

// beyond |u| = 15 tanh is +-1 in float32, and some drivers' tanh overflows
const TANH = `
  const C = 0.7978845608028654; // sqrt(2 / pi)
  const A = 0.044715;
  fn innerTanh(x: f32) -> f32 { return tanh(clamp(C * x * (1.0 + A * x * x), -15.0, 15.0)); }`;

const forward = gpuKernel({
  name: 'GeGlu',
  inputs: { gate: 'f32', up: 'f32' },
  outputs: { y: 'f32' },
  params: { count: 'u32' },
  workgroupSize: VALUES,
  declarations: TANH,
  main: `
    let i = workgroup * ${VALUES}u + lane;
    if (i >= params.count) { return; }
    let x = gate[i];
    y[i] = x * 0.5 * (1.0 + innerTanh(x)) * up[i];`,
});

const backward = gpuKernel({
  name: 'GeGluBackward',
  inputs: { dy: 'f32', gate: 'f32', up: 'f32' },
  outputs: { dgate: 'f32', dup: 'f32' },
  params: { count: 'u32' },
  workgroupSize: VALUES,
  declarations: TANH,
  main: `
    let i = workgroup * ${VALUES}u + lane;
    if (i >= params.count) { return; }
    let x = gate[i];
    let t = innerTanh(x);
    let cdf = 0.5 * (1.0 + t);
    let derivative = cdf + x * (1.0 - t * t) * (0.5 * C) * (1.0 + 3.0 * A * x * x);
    dgate[i] = dy[i] * up[i] * derivative;
    dup[i] = dy[i] * x * cdf;`,
});

export const gegluWebgpu: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const groups = spread(Math.ceil(count / VALUES));
  return gpuLauncher(backend).run(forward, { inputs, outputs: { y: shape }, params: { count }, groups });
};

export const gegluBackwardWebgpu: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const groups = spread(Math.ceil(count / VALUES));
  const outputs = { dgate: shape, dup: shape };
  return gpuLauncher(backend).run(backward, { inputs, outputs, params: { count }, groups });
};
