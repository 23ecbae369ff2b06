/** @file RmsNorm and its gradient on engine `webgpu`: a workgroup for each row. */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, gpuVariants, type Launcher, spread, workgroupSum } from '@arena/runtime/webgpu';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './attrs.js';

/** Invocations that share a row. */
const LANES = 128;
/** Columns that a workgroup of {@link weightGradient} takes, and rows that it reads at a time. */
const COLUMNS = 64;
const ROW_LANES = 4;

interface Variant {
  residual: boolean;
  subgroups: boolean;
}

const forward = gpuVariants(({ residual, subgroups }: Variant) =>
  gpuKernel({
    name: `RmsNorm${residual ? '+residual' : ''}`,
    inputs: { x: 'f32', weight: 'f32', ...(residual ? { residual: 'f32' as const } : {}) },
    outputs: { y: 'f32' },
    params: { tokens: 'u32', width: 'u32', eps: 'f32' },
    workgroupSize: LANES,
    enable: subgroups ? ['subgroups'] : [],
    declarations: workgroupSum(LANES, subgroups),
    main: `
      if (workgroup >= params.tokens) { return; }
      let row = workgroup * params.width;
      var squares = 0.0;
      for (var i = lane; i < params.width; i += ${LANES}u) { squares += x[row + i] * x[row + i]; }
      let r = inverseSqrt(sumOf(squares, lane) / f32(params.width) + params.eps);
      for (var i = lane; i < params.width; i += ${LANES}u) {
        y[row + i] = x[row + i] * r * (1.0 + weight[i])${residual ? ' + residual[row + i]' : ''};
      }`,
  }),
);

const backward = gpuVariants(({ residual, subgroups }: Variant) =>
  gpuKernel({
    name: `RmsNormBackward${residual ? '+residual' : ''}`,
    inputs: { dy: 'f32', x: 'f32', weight: 'f32', ...(residual ? { residual: 'f32' as const } : {}) },
    outputs: { dx: 'f32', inverseRms: 'f32' },
    params: { tokens: 'u32', width: 'u32', eps: 'f32' },
    workgroupSize: LANES,
    enable: subgroups ? ['subgroups'] : [],
    declarations: workgroupSum(LANES, subgroups),
    main: `
      if (workgroup >= params.tokens) { return; }
      let row = workgroup * params.width;
      let width = f32(params.width);
      var squares = 0.0;
      var product = 0.0;
      for (var i = lane; i < params.width; i += ${LANES}u) {
        squares += x[row + i] * x[row + i];
        product += dy[row + i] * (1.0 + weight[i]) * x[row + i];
      }
      let r = inverseSqrt(sumOf(squares, lane) / width + params.eps);
      let mean = sumOf(product, lane) * r / width; // mean(g xh)
      for (var i = lane; i < params.width; i += ${LANES}u) {
        let normed = x[row + i] * r;
        dx[row + i] = r * (dy[row + i] * (1.0 + weight[i]) - normed * mean)${residual ? ' + residual[row + i]' : ''};
      }
      if (lane == 0u) { inverseRms[workgroup] = r; }`,
  }),
);

/** dweight = the sum over tokens of dy x r, in a fixed order. */
const weightGradient = gpuKernel({
  name: 'RmsNormWeightGradient',
  inputs: { dy: 'f32', x: 'f32', inverseRms: 'f32' },
  outputs: { dweight: 'f32' },
  params: { tokens: 'u32', width: 'u32' },
  workgroupSize: COLUMNS * ROW_LANES,
  declarations: `var<workgroup> parts: array<f32, ${COLUMNS * ROW_LANES}>;`,
  main: `
    let column = group.x * ${COLUMNS}u + lane % ${COLUMNS}u;
    var sum = 0.0;
    if (column < params.width) {
      for (var row = lane / ${COLUMNS}u; row < params.tokens; row += ${ROW_LANES}u) {
        let at = row * params.width + column;
        sum += dy[at] * x[at] * inverseRms[row];
      }
    }
    parts[lane] = sum;
    workgroupBarrier();
    if (lane < ${COLUMNS}u && column < params.width) {
      dweight[column] = parts[lane] + parts[lane + ${COLUMNS}u] + parts[lane + ${2 * COLUMNS}u] + parts[lane + ${3 * COLUMNS}u];
    }`,
});

export const rmsNormWebgpu: OpKernel<RmsNormAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const [tokens, width] = inputs.x.shape;
  return launcher.run(forward(variantOf(launcher, inputs)), {
    inputs,
    outputs: { y: [tokens, width] },
    params: { tokens, width, eps: attrs.eps },
    groups: spread(tokens),
  });
};

export const rmsNormBackwardWebgpu: OpKernel<RmsNormBackwardAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const [tokens, width] = inputs.x.shape;
  const [dx, inverseRms] = launcher.run(backward(variantOf(launcher, inputs)), {
    inputs,
    outputs: { dx: [tokens, width], inverseRms: [tokens] },
    params: { tokens, width, eps: attrs.eps },
    groups: spread(tokens),
  });
  const outputs = [dx];
  if (attrs.weightGradient) {
    const [dweight] = launcher.run(weightGradient, {
      inputs: { dy: inputs.dy, x: inputs.x, inverseRms },
      outputs: { dweight: [width] },
      params: { tokens, width },
      groups: [Math.ceil(width / COLUMNS)],
    });
    outputs.push(dweight);
  }
  backend.disposeData(inverseRms.dataId);
  return outputs;
};

function variantOf({ subgroups }: Launcher, inputs: object): Variant {
  return { residual: 'residual' in inputs && inputs.residual !== undefined, subgroups };
}
