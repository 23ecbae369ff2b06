/** @file Plain ops of a value each: unary, binary with broadcasting, comparisons, casts, select and fill. */
import { cudaKernel } from '@arena/runtime/cuda';
import { backend_util, type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { CudaBackend } from '../backend.js';
import { ptx } from '../ptx.js';
import { broadcastStrides, collapse, gridOf, type PlainKernel, THREADS } from './kernel.js';

const value = { inputs: ['x'], outputs: ['y'], params: { count: 'u32', op: 'i32' }, threads: THREADS } as const;
const unaryFloat = cudaKernel({ ptx, name: 'unaryFloat', ...value });
const unaryInt = cudaKernel({ ptx, name: 'unaryInt', ...value });
const castValues = cudaKernel({ ptx, name: 'castValues', ...value });

const pair = {
  inputs: ['a', 'b'],
  outputs: ['y'],
  params: { count: 'u32', op: 'i32', rank: 'i32', shape: 'i32x6', aStrides: 'i32x6', bStrides: 'i32x6' },
  threads: THREADS,
} as const;
const binaryFloat = cudaKernel({ ptx, name: 'binaryFloat', ...pair });
const binaryInt = cudaKernel({ ptx, name: 'binaryInt', ...pair });
const compareFloat = cudaKernel({ ptx, name: 'compareFloat', ...pair });
const compareInt = cudaKernel({ ptx, name: 'compareInt', ...pair });

const selectValues = cudaKernel({
  ptx,
  name: 'selectValues',
  inputs: ['condition', 'a', 'b'],
  outputs: ['y'],
  params: { count: 'u32' },
  threads: THREADS,
});

const fillValues = cudaKernel({
  ptx,
  name: 'fill',
  inputs: [],
  outputs: ['y'],
  params: { count: 'u32', bits: 'u32' },
  threads: THREADS,
});

/** In the order of elementwise.cu. */
const UNARY = [
  ...['Neg', 'Abs', 'Square', 'Sqrt', 'Rsqrt', 'Exp', 'Log', 'Tanh', 'Sigmoid', 'Sin', 'Cos', 'Floor', 'Ceil', 'Round'],
  ...['Sign', 'Reciprocal', 'Expm1', 'Log1p', 'Softplus', 'Erf', 'Relu'],
];
/** Ops that keep int32 tensors as they are. The others convert them to float32. */
const UNARY_INT = ['Neg', 'Abs', 'Square'];
const NOT = 3;
const BINARY = [
  ...['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'Pow', 'SquaredDifference', 'FloorDiv', 'Mod'],
];
const COMPARISONS = [
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual', 'LogicalAnd', 'LogicalOr'],
];

export const elementwiseKernels: { [name: string]: PlainKernel } = {
  ...Object.fromEntries(UNARY.map((name, op) => [name, unaryKernel(name, op)])),
  ...Object.fromEntries(BINARY.map((name, op) => [name, binaryKernel(op)])),
  ...Object.fromEntries(COMPARISONS.map((name, op) => [name, comparisonKernel(op)])),
  AddN: ({ inputs, backend }) =>
    (inputs as TensorInfo[]).slice(1).reduce((sum, next) => binary(backend, sum, next, 0), backend.alias(inputs[0])),
  Cast: ({ inputs, attrs, backend }) => cast(backend, inputs.x, attrs.dtype),
  LogicalNot: ({ inputs, backend }) => unary(backend, unaryInt, inputs.x, NOT),
  Select: ({ inputs, backend }) => {
    const { condition, t, e } = inputs as { [name: string]: TensorInfo };
    const count = util.sizeFromShape(t.shape);
    return backend.launcher.run(selectValues, {
      inputs: { condition, a: t, b: e },
      outputs: { y: { shape: t.shape, dtype: t.dtype } },
      params: { count },
      grid: gridOf(count),
    })[0];
  },
  Fill: ({ attrs, backend }) => {
    const { shape, value: filling, dtype = util.inferDtype(attrs.value) } = attrs;
    return fill(backend, shape, dtype, filling);
  },
  ZerosLike: ({ inputs, backend }) => fill(backend, inputs.x.shape, inputs.x.dtype, 0),
  OnesLike: ({ inputs, backend }) => fill(backend, inputs.x.shape, inputs.x.dtype, 1),
};

/** A tensor of one value. */
export function fill(backend: CudaBackend, shape: number[], dtype: DataType, filling: number): TensorInfo {
  const count = util.sizeFromShape(shape);
  const launch = {
    inputs: {},
    outputs: { y: { shape, dtype } },
    params: { count, bits: bitsOf(filling, dtype) },
    grid: gridOf(count),
  };
  return backend.launcher.run(fillValues, launch)[0];
}

/** The 32 bits of a value in a tensor of that type. */
export function bitsOf(number: number, dtype: DataType): number {
  return dtype === 'float32' ? new Int32Array(Float32Array.of(number).buffer)[0] : Math.trunc(number);
}

/** The values as another type. */
export function cast(backend: CudaBackend, x: TensorInfo, dtype: DataType): TensorInfo {
  if (x.dtype === dtype) return backend.alias(x);
  const [from, to] = [x.dtype === 'float32', dtype === 'float32'];
  // bool and int32 are stored alike
  if (!from && dtype === 'int32') return { ...copyOf(backend, x), dtype };
  return { ...unary(backend, castValues, x, to ? 0 : dtype === 'int32' ? 1 : from ? 2 : 3, dtype), dtype };
}

function copyOf(backend: CudaBackend, x: TensorInfo): TensorInfo {
  const zero = fill(backend, [], 'int32', 0);
  return binary(backend, { ...x, dtype: 'int32' }, zero, 0);
}

function unary(
  backend: CudaBackend,
  kernel: typeof unaryFloat,
  x: TensorInfo,
  op: number,
  dtype: DataType = x.dtype,
): TensorInfo {
  const count = util.sizeFromShape(x.shape);
  const launch = {
    inputs: { x },
    outputs: { y: { shape: x.shape, dtype } },
    params: { count, op },
    grid: gridOf(count),
  };
  return backend.launcher.run(kernel, launch)[0];
}

function unaryKernel(name: string, op: number): PlainKernel {
  return ({ inputs: { x }, backend }) => {
    if (x.dtype === 'int32' && UNARY_INT.includes(name)) return unary(backend, unaryInt, x, op);
    return unary(backend, unaryFloat, cast(backend, x, 'float32'), op);
  };
}

function overBoth(
  backend: CudaBackend,
  kernel: typeof binaryFloat,
  a: TensorInfo,
  b: TensorInfo,
  op: number,
  dtype: DataType,
): TensorInfo {
  const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const count = util.sizeFromShape(shape);
  const walk = collapse(shape, [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape)]);
  const launch = {
    inputs: { a, b },
    outputs: { y: { shape, dtype } },
    params: {
      count,
      op,
      rank: walk.shape.length,
      shape: walk.shape,
      aStrides: walk.strides[0],
      bStrides: walk.strides[1],
    },
    grid: gridOf(count),
  };
  return backend.launcher.run(kernel, launch)[0];
}

/** A binary op of two tensors of one type, by its number in elementwise.cu. */
function binary(backend: CudaBackend, a: TensorInfo, b: TensorInfo, op: number): TensorInfo {
  return overBoth(backend, a.dtype === 'float32' ? binaryFloat : binaryInt, a, b, op, a.dtype);
}

function binaryKernel(op: number): PlainKernel {
  return ({ inputs: { a, b }, backend }) => binary(backend, a, b, op);
}

function comparisonKernel(op: number): PlainKernel {
  return ({ inputs: { a, b }, backend }) =>
    overBoth(backend, a.dtype === 'float32' ? compareFloat : compareInt, a, b, op, 'bool');
}
