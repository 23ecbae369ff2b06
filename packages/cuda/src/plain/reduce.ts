/** @file Plain ops over axes: sums, extremes, arg-extremes, means, softmax. Reduced axes are moved to the end first. */
import { cudaKernel } from '@arena/runtime/cuda';
import { backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { CudaBackend } from '../backend.js';
import { CudaError } from '../error.js';
import { ptx } from '../ptx.js';
import { cast, fill } from './elementwise.js';
import { gridOf, type PlainKernel, THREADS } from './kernel.js';
import { transpose } from './shape.js';

const REDUCE_THREADS = 128;

const reduceFloat = cudaKernel({
  ptx,
  name: 'reduceFloat',
  inputs: ['x'],
  outputs: ['y'],
  params: { inner: 'u32', op: 'i32', scale: 'f32' },
  threads: REDUCE_THREADS,
});
const reduceInt = cudaKernel({
  ptx,
  name: 'reduceInt',
  inputs: ['x'],
  outputs: ['y'],
  params: { inner: 'u32', op: 'i32' },
  threads: REDUCE_THREADS,
});
const argReduce = cudaKernel({
  ptx,
  name: 'argReduce',
  inputs: ['x'],
  outputs: ['y'],
  params: { rows: 'u32', inner: 'u32', sign: 'f32' },
  threads: THREADS,
});
const softmaxRows = cudaKernel({
  ptx,
  name: 'softmaxRows',
  inputs: ['x'],
  outputs: ['y'],
  params: { inner: 'u32' },
  threads: REDUCE_THREADS,
});

// as reduce.cu numbers them
const [SUM, MAX, MIN, PROD, ALL, ANY] = [0, 1, 2, 3, 4, 5];
/** Result of an empty reduction. */
const EMPTY: { [op: number]: number } = { [SUM]: 0, [MAX]: -Infinity, [MIN]: Infinity, [PROD]: 1, [ALL]: 1, [ANY]: 0 };

interface Reduction {
  axis: number | number[];
  keepDims: boolean;
  op: number;
  mean?: boolean;
}

/** The tensor with the axes moved to the end, its shape without them, and how many values they have. */
function innermost(backend: CudaBackend, x: TensorInfo, axes: number[]) {
  const rank = x.shape.length;
  const perm = backend_util.getAxesPermutation(axes, rank);
  const moved = perm ? transpose(backend, x, perm) : x;
  const inner = perm ? backend_util.getInnerMostAxes(axes.length, rank) : axes;
  const [outShape, reduceShape] = backend_util.computeOutAndReduceShapes(moved.shape, inner);
  return { moved, outShape, inner: util.sizeFromShape(reduceShape) };
}

function reduce(backend: CudaBackend, x: TensorInfo, { axis, keepDims, op, mean }: Reduction): TensorInfo {
  const axes = util.parseAxisParam(axis, x.shape);
  const { moved, outShape, inner } = innermost(backend, x, axes);
  const shape = keepDims ? backend_util.expandShapeToKeepDim(outShape, axes) : outShape;
  if (inner === 0) return fill(backend, shape, x.dtype, mean ? Number.NaN : EMPTY[op]);
  const float = x.dtype === 'float32';
  const launch = {
    inputs: { x: moved },
    outputs: { y: { shape, dtype: x.dtype } },
    params: { inner, op, scale: mean ? 1 / inner : 1 },
    grid: [util.sizeFromShape(shape)],
  };
  return backend.launcher.run(float ? reduceFloat : reduceInt, launch)[0];
}

function argKernel(sign: number): PlainKernel {
  return ({ inputs: { x }, attrs, backend }) => {
    const axes = util.parseAxisParam(attrs.axis, x.shape);
    const { moved, outShape, inner } = innermost(backend, cast(backend, x, 'float32'), axes);
    if (!inner)
      throw new CudaError(`engine 'cuda': a tensor [${x.shape}] has no largest or smallest value along ${axes}`);
    const rows = util.sizeFromShape(outShape);
    return backend.launcher.run(argReduce, {
      inputs: { x: moved },
      outputs: { y: { shape: outShape, dtype: 'int32' as DataType } },
      params: { rows, inner, sign },
      grid: gridOf(rows),
    })[0];
  };
}

const sumLike = (op: number): PlainKernel => {
  return ({ inputs, attrs: { axis, keepDims }, backend }) => {
    const x = inputs.x.dtype === 'bool' && op <= PROD ? cast(backend, inputs.x, 'int32') : inputs.x;
    return reduce(backend, x, { axis, keepDims, op });
  };
};
const extreme = (op: number): PlainKernel => {
  return ({ inputs, attrs, backend }) =>
    reduce(backend, inputs.x, { axis: attrs.reductionIndices ?? attrs.axis, keepDims: attrs.keepDims, op });
};

export const reduceKernels: { [name: string]: PlainKernel } = {
  Sum: sumLike(SUM),
  Prod: sumLike(PROD),
  All: sumLike(ALL),
  Any: sumLike(ANY),
  Max: extreme(MAX),
  Min: extreme(MIN),
  Mean: ({ inputs, attrs: { axis, keepDims }, backend }) =>
    reduce(backend, cast(backend, inputs.x, 'float32'), { axis, keepDims, op: SUM, mean: true }),
  ArgMax: argKernel(1),
  ArgMin: argKernel(-1),
  Softmax: ({ inputs: { logits }, backend }) => {
    const inner = logits.shape[logits.shape.length - 1];
    return backend.launcher.run(softmaxRows, {
      inputs: { x: logits },
      outputs: { y: logits.shape },
      params: { inner },
      grid: [inner ? util.sizeFromShape(logits.shape) / inner : 0],
    })[0];
  },
};
