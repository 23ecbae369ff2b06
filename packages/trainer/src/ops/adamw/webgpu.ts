/** @file AdamW and SquaredNorm on engine `webgpu`. */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, gpuVariants, spread, workgroupSum } from '@arena/runtime/webgpu';
import { util } from '@tensorflow/tfjs-core';
import type { AdamWAttrs } from './attrs.js';
import { adamWFactors } from './factors.js';

/** Invocations of a workgroup; a step takes one value each. */
const LANES = 256;
/** Values per workgroup of the sums. It fixes their order. */
const VALUES = 16384;

const step = gpuKernel({
  name: 'AdamW',
  inputs: { param: 'f32', gradient: 'f32', expAvg: 'f32', expAvgSq: 'f32' },
  outputs: { newParam: 'f32', newExpAvg: 'f32', newExpAvgSq: 'f32' },
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
  workgroupSize: LANES,
  main: `
    let i = workgroup * ${LANES}u + lane;
    if (i >= params.count) { return; }
    let g = gradient[i] * params.gradientScale;
    let m = expAvg[i] + (g - expAvg[i]) * params.rate1;
    let v = expAvgSq[i] * params.beta2 + g * g * params.rate2;
    newParam[i] = param[i] * params.decay - m / (sqrt(v) / params.correction2 + params.eps) * params.stepSize;
    newExpAvg[i] = m;
    newExpAvgSq[i] = v;`,
});

const sum = gpuVariants((subgroups: boolean) =>
  gpuKernel({
    name: 'SquaredNorm',
    inputs: { x: 'f32' },
    outputs: { y: 'f32' },
    // whether to square x: it holds values, or sums of the first pass
    params: { count: 'u32', square: 'u32' },
    workgroupSize: LANES,
    enable: subgroups ? ['subgroups'] : [],
    declarations: workgroupSum(LANES, subgroups),
    main: `
    let end = min((group.x + 1u) * ${VALUES}u, params.count);
    var part = 0.0;
    for (var i = group.x * ${VALUES}u + lane; i < end; i += ${LANES}u) {
      part += select(x[i], x[i] * x[i], params.square == 1u);
    }
    let total = sumOf(part, lane);
    if (lane == 0u) { y[group.x] = total; }`,
  }),
);

export const adamWWebgpu: OpKernel<AdamWAttrs> = ({ inputs, attrs, backend }) => {
  const { shape } = inputs.param;
  const count = util.sizeFromShape(shape);
  return gpuLauncher(backend).run(step, {
    inputs,
    outputs: { newParam: shape, newExpAvg: shape, newExpAvgSq: shape },
    params: { count, ...adamWFactors(attrs) },
    groups: spread(Math.ceil(count / LANES)),
  });
};

export const squaredNormWebgpu: OpKernel<Record<string, never>> = ({ inputs: { x }, backend }) => {
  const launcher = gpuLauncher(backend);
  const count = util.sizeFromShape(x.shape);
  const parts = Math.ceil(count / VALUES);
  const pass = (from: typeof x, values: number, square: number, shape: number[]) =>
    launcher.run(sum(launcher.subgroups), {
      inputs: { x: from },
      outputs: { y: shape },
      params: { count: values, square },
      groups: [Math.ceil(values / VALUES)],
    })[0];
  if (parts === 1) return [pass(x, count, 1, [])];
  const partial = pass(x, count, 1, [parts]);
  const total = pass(partial, parts, 0, []);
  backend.disposeData(partial.dataId);
  return [total];
};
