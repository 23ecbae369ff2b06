/** @file Plain ops that move values: views of the same memory where possible, otherwise one strided copy. */
import { cudaKernel } from '@arena/runtime/cuda';
import { backend_util, slice_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { CudaBackend } from '../backend.js';
import { ptx } from '../ptx.js';
import { fill } from './elementwise.js';
import { collapse, gridOf, type PlainKernel, stridesOf, THREADS } from './kernel.js';

const copyStrided = cudaKernel({
  ptx,
  name: 'copyStrided',
  inputs: ['x'],
  outputs: ['y'],
  params: {
    count: 'u32',
    rank: 'i32',
    shape: 'i32x6',
    xStrides: 'i32x6',
    yStrides: 'i32x6',
    xStart: 'u32',
    yStart: 'u32',
  },
  threads: THREADS,
});

/** Strides for reading and writing while walking a shape. */
interface Copy {
  shape: number[];
  xStrides: number[];
  xStart?: number;
  /** Default: in order. */
  yStrides?: number[];
  yStart?: number;
}

/** Copies into a new tensor, or into a given one. */
function copy(backend: CudaBackend, x: TensorInfo, to: TensorInfo | number[], how: Copy): TensorInfo {
  const { shape, xStrides, xStart = 0, yStrides = stridesOf(shape), yStart = 0 } = how;
  const count = util.sizeFromShape(shape);
  const walk = collapse(shape, [xStrides, yStrides]);
  const launch = {
    inputs: { x },
    outputs: { y: Array.isArray(to) ? { shape: to, dtype: x.dtype } : to },
    params: {
      count,
      rank: walk.shape.length,
      shape: walk.shape,
      xStrides: walk.strides[0],
      yStrides: walk.strides[1],
      xStart,
      yStart,
    },
    grid: gridOf(count),
  };
  return backend.launcher.run(copyStrided, launch)[0];
}

export function transpose(backend: CudaBackend, x: TensorInfo, perm: readonly number[]): TensorInfo {
  const strides = stridesOf(x.shape);
  const shape = perm.map((axis) => x.shape[axis]);
  return copy(backend, x, shape, { shape, xStrides: perm.map((axis) => strides[axis]) });
}

function slice(backend: CudaBackend, x: TensorInfo, begin: readonly number[], size: number[]): TensorInfo {
  const xStrides = stridesOf(x.shape);
  const xStart = begin.reduce((at, first, axis) => at + first * xStrides[axis], 0);
  return copy(backend, x, size, { shape: size, xStrides, xStart });
}

function split(backend: CudaBackend, x: TensorInfo, sizes: readonly number[], axis: number): TensorInfo[] {
  let first = 0;
  return sizes.map((length) => {
    const begin = x.shape.map((_, a) => (a === axis ? first : 0));
    first += length;
    return slice(
      backend,
      x,
      begin,
      x.shape.map((size, a) => (a === axis ? length : size)),
    );
  });
}

function concat(backend: CudaBackend, parts: readonly TensorInfo[], axis: number): TensorInfo {
  const shape = backend_util.computeOutShape(
    parts.map((part) => part.shape),
    axis,
  );
  const yStrides = stridesOf(shape);
  let y: TensorInfo | number[] = shape;
  let first = 0;
  for (const x of parts) {
    if (!util.sizeFromShape(x.shape)) continue;
    const how: Copy = { shape: x.shape, xStrides: stridesOf(x.shape), yStrides, yStart: first * yStrides[axis] };
    // the first copy makes the tensor
    y = copy(backend, x, y, how);
    first += x.shape[axis];
  }
  return Array.isArray(y) ? fill(backend, shape, parts[0].dtype, 0) : y;
}

function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export const shapeKernels: { [name: string]: PlainKernel } = {
  Identity: ({ inputs, backend }) => backend.alias(inputs.x),
  Reshape: ({ inputs: { x }, attrs, backend }) =>
    backend.alias(x, util.inferFromImplicitShape(attrs.shape, util.sizeFromShape(x.shape))),
  ExpandDims: ({ inputs: { input }, attrs, backend }) => {
    const at = axisOf(attrs.dim, input.shape.length + 1);
    return backend.alias(input, [...input.shape.slice(0, at), 1, ...input.shape.slice(at)]);
  },
  Transpose: ({ inputs, attrs, backend }) => transpose(backend, inputs.x, attrs.perm),
  Slice: ({ inputs: { x }, attrs, backend }) => {
    const [begin, size] = slice_util.parseSliceParams(x, attrs.begin, attrs.size);
    slice_util.assertParamsValid(x, begin, size);
    return slice(backend, x, begin, size);
  },
  SplitV: ({ inputs: { x }, attrs, backend }) => {
    const [axis] = util.parseAxisParam(attrs.axis, x.shape);
    return split(backend, x, backend_util.prepareSplitSize(x, attrs.numOrSizeSplits, axis), axis);
  },
  Unpack: ({ inputs: { value }, attrs, backend }) => {
    const axis = axisOf(attrs.axis, value.shape.length);
    const parts = split(backend, value, new Array(value.shape[axis]).fill(1), axis);
    return parts.map((part) => ({ ...part, shape: part.shape.filter((_, a) => a !== axis) }));
  },
  Concat: ({ inputs, attrs, backend }) => {
    const [axis] = util.parseAxisParam(attrs.axis, inputs[0].shape);
    return concat(backend, inputs, axis);
  },
  Pack: ({ inputs, attrs, backend }) => {
    const axis = axisOf(attrs.axis, inputs[0].shape.length + 1);
    const parts = (inputs as TensorInfo[]).map((x) => ({
      ...x,
      shape: [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)],
    }));
    return concat(backend, parts, axis);
  },
  Tile: ({ inputs: { x }, attrs, backend }) => {
    const reps = attrs.reps as number[];
    const strides = stridesOf(x.shape);
    // walks each axis twice: over the repetitions with stride 0, and over its values
    const shape = (x.shape as number[]).flatMap((size, axis) => [reps[axis], size]);
    const xStrides = strides.flatMap((stride) => [0, stride]);
    const tiled = (x.shape as number[]).map((size, axis) => size * reps[axis]);
    return copy(backend, x, tiled, { shape, xStrides });
  },
  PadV2: ({ inputs: { x }, attrs, backend }) => {
    const paddings = attrs.paddings as [number, number][];
    const shape = (x.shape as number[]).map((size, axis) => paddings[axis][0] + size + paddings[axis][1]);
    const yStrides = stridesOf(shape);
    const yStart = paddings.reduce((at, [before], axis) => at + before * yStrides[axis], 0);
    const y = fill(backend, shape, x.dtype, attrs.constantValue);
    return copy(backend, x, y, { shape: x.shape, xStrides: stridesOf(x.shape), yStrides, yStart });
  },
  Reverse: ({ inputs: { x }, attrs, backend }) => {
    const axes = util.parseAxisParam(attrs.dims, x.shape);
    const strides = stridesOf(x.shape);
    const xStrides = strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
    const xStart = axes.reduce((at, axis) => at + (x.shape[axis] - 1) * strides[axis], 0);
    return copy(backend, x, x.shape, { shape: x.shape, xStrides, xStart });
  },
};
