/** @file Every plain op of engine `cuda`, emulated, against tfjs-backend-cpu. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { PLAIN_KERNELS } from '../src/plain/register.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

let state = 1;
const draw = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
/** Seeded values in (-range, range). */
const f = (shape: number[], range = 2) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => range * draw()),
    shape,
  );
const positive = (shape: number[]) => tf.add(tf.abs(f(shape)), 0.1);
const i = (shape: number[], from = -9, to = 9) =>
  tf.tensor(
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      Math.floor(from + ((draw() + 1) / 2) * (to - from)),
    ),
    shape,
    'int32',
  );
const b = (shape: number[]) => tf.greater(f(shape), 0);
type Case = () => tf.Tensor | tf.Tensor[];

/** Calls by the kernel that they run. */
const CASES: { [kernel: string]: Case[] } = {
  Neg: [() => tf.neg(f([300])), () => tf.neg(i([7]))],
  Abs: [() => tf.abs(f([65])), () => tf.abs(i([65]))],
  Square: [() => tf.square(f([3, 5])), () => tf.square(i([9]))],
  Sqrt: [() => tf.sqrt(positive([1000]))],
  Rsqrt: [() => tf.rsqrt(positive([63]))],
  Exp: [() => tf.exp(f([64]))],
  Log: [() => tf.log(positive([64]))],
  Tanh: [() => tf.tanh(f([64], 20))],
  Sigmoid: [() => tf.sigmoid(f([64], 30))],
  Sin: [() => tf.sin(f([64], 200))],
  Cos: [() => tf.cos(f([64], 200))],
  Floor: [() => tf.floor(f([64]))],
  Ceil: [() => tf.ceil(f([64]))],
  Round: [() => tf.round(tf.tensor1d([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 1.2]))],
  Sign: [() => tf.sign(tf.tensor1d([-2, 0, 3]))],
  Reciprocal: [() => tf.reciprocal(positive([64]))],
  Expm1: [() => tf.expm1(f([64], 0.01))],
  Log1p: [() => tf.log1p(positive([64]))],
  Softplus: [() => tf.softplus(f([64], 40))],
  Erf: [() => tf.erf(f([64]))],
  Relu: [() => tf.relu(f([64]))],
  Add: [() => tf.add(f([4, 1, 5]), f([3, 1])), () => tf.add(i([5]), i([]))],
  Sub: [() => tf.sub(f([]), f([70])), () => tf.sub(i([2, 3]), i([3]))],
  Multiply: [() => tf.mul(f([2, 3, 4, 5]), f([3, 1, 5])), () => tf.mul(i([8]), i([8]))],
  RealDiv: [() => tf.div(f([300, 7]), positive([300, 1]))],
  Maximum: [() => tf.maximum(f([33]), f([33])), () => tf.maximum(i([5]), i([5]))],
  Minimum: [() => tf.minimum(f([33]), f([1]))],
  Pow: [() => tf.pow(positive([33]), f([33]))],
  SquaredDifference: [() => tf.squaredDifference(f([33]), f([33]))],
  FloorDiv: [
    () => tf.floorDiv(i([99], -999, 999), tf.scalar(7, 'int32')),
    () => tf.floorDiv(i([9]), tf.scalar(-4, 'int32')),
  ],
  Mod: [() => tf.mod(i([99], -999, 999), tf.scalar(16, 'int32')), () => tf.mod(f([40], 9), tf.scalar(2.5))],
  Equal: [() => tf.equal(i([99], 0, 3), i([99], 0, 3))],
  NotEqual: [() => tf.notEqual(f([9]), f([9]))],
  Less: [() => tf.less(f([9, 2]), f([2])), () => tf.less(i([9]), i([9]))],
  LessEqual: [() => tf.lessEqual(i([99], 0, 3), i([99], 0, 3))],
  Greater: [() => tf.greater(f([9]), f([]))],
  GreaterEqual: [() => tf.greaterEqual(i([99], 0, 3), i([99], 0, 3))],
  LogicalAnd: [() => tf.logicalAnd(b([40]), b([40]))],
  LogicalOr: [() => tf.logicalOr(b([40]), b([40]))],
  LogicalNot: [() => tf.logicalNot(b([40]))],
  AddN: [() => tf.addN([f([5, 2]), f([5, 2]), f([5, 2])]), () => tf.addN([f([3])])],
  Cast: [
    () => tf.cast(f([99], 9), 'int32'),
    () => tf.cast(i([9]), 'float32'),
    () => tf.cast(i([9], -1, 2), 'bool'),
    () => tf.cast(tf.tensor1d([0, 2, -0.5]), 'bool'),
    () => tf.cast(b([9]), 'int32'),
    () => tf.cast(b([9]), 'float32'),
  ],
  Select: [() => tf.where(b([4, 5]), f([4, 5]), f([4, 5]))],
  Fill: [() => tf.fill([3, 90], 2.5), () => tf.fill([3], 7, 'int32')],
  ZerosLike: [() => tf.zerosLike(f([3])), () => tf.zerosLike(i([3]))],
  OnesLike: [() => tf.onesLike(f([3]))],
  Identity: [() => tf.clone(f([3]))],
  Reshape: [() => tf.reshape(f([6, 4]), [2, -1])],
  ExpandDims: [() => tf.expandDims(f([3, 4]), 1), () => tf.expandDims(f([3]), -1)],
  Transpose: [() => tf.transpose(f([33, 65])), () => tf.transpose(f([2, 3, 4, 5]), [2, 0, 3, 1])],
  Slice: [() => tf.slice(f([7, 9, 4]), [1, 2, 0], [3, -1, 2]), () => tf.slice(i([9]), 2, 4)],
  SplitV: [() => tf.split(f([4, 9]), [2, 3, 4], 1)],
  Unpack: [() => tf.unstack(f([4, 3]), 1)],
  Concat: [() => tf.concat([f([2, 3]), f([0, 3]), f([4, 3])], 0), () => tf.concat([f([2, 3]), f([2, 1])], 1)],
  Pack: [() => tf.stack([f([3, 2]), f([3, 2])], 1)],
  Tile: [() => tf.tile(f([2, 1, 3]), [1, 4, 2]), () => tf.tile(i([3]), [3])],
  PadV2: [
    () =>
      tf.pad(
        f([2, 3]),
        [
          [1, 2],
          [0, 3],
        ],
        9,
      ),
  ],
  Reverse: [() => tf.reverse(f([3, 4, 5]), [0, 2])],
  Sum: [
    () => tf.sum(f([33, 70]), 1),
    () => tf.sum(f([33, 70]), 0, true),
    () => tf.sum(i([99])),
    () => tf.sum(b([99])),
    () => tf.sum(f([2, 3, 4]), [0, 2]),
  ],
  Prod: [() => tf.prod(f([9, 3]), 1)],
  All: [() => tf.all(b([4, 3]), 1)],
  Any: [() => tf.any(b([4, 3]), 0)],
  Max: [() => tf.max(f([33, 70]), 1), () => tf.max(i([33]))],
  Min: [() => tf.min(f([33, 70]), 0), () => tf.min(i([33]))],
  Mean: [() => tf.mean(f([65, 200]), -1, true), () => tf.mean(i([9]))],
  ArgMax: [() => tf.argMax(f([9, 33]), 1), () => tf.argMax(f([9, 33]), 0)],
  ArgMin: [() => tf.argMin(f([9, 33]), 1)],
  Softmax: [() => tf.softmax(f([65, 129], 9))],
  GatherV2: [
    () => tf.gather(f([9, 4]), i([6], 0, 9)),
    () => tf.gather(f([3, 9, 4]), i([2, 5], 0, 9), 1),
    () => tf.gather(f([3, 9]), i([3, 5], 0, 9), 1, 1),
  ],
  ScatterNd: [() => tf.scatterND(tf.tensor2d([[1], [3], [1]], [3, 1], 'int32'), f([3, 7]), [5, 7])],
  UnsortedSegmentSum: [() => tf.unsortedSegmentSum(f([9, 4]), i([9], 0, 3) as tf.Tensor1D, 3)],
  OneHot: [() => tf.oneHot(i([7], 0, 5), 5), () => tf.oneHot(i([7], 0, 5), 5, 2, -1, 'float32')],
  BatchMatMul: [
    () => tf.matMul(f([33, 65]) as tf.Tensor2D, f([65, 17]) as tf.Tensor2D),
    () => tf.matMul(f([3, 70, 7]), f([3, 9, 7]), false, true),
    () => tf.matMul(f([3, 7, 70]), f([1, 7, 9]), true, false),
    () => tf.matMul(f([2, 7, 5]), f([2, 9, 7]), true, true),
    () => tf.matMul(f([1, 130]) as tf.Tensor2D, f([130, 200]) as tf.Tensor2D),
  ],
};

/** Names of the kernels that ran, and the results. */
async function runOn(backend: string, body: Case) {
  await tf.setBackend(backend);
  state = 1;
  const used = new Set<string>();
  let list = false;
  const results = tf.tidy(() => {
    const profiled = tf.engine() as unknown as { state: { kernelDepth: number } };
    expect(profiled.state.kernelDepth).toBe(0);
    const { runKernel } = tf.engine();
    tf.engine().runKernel = function (this: unknown, name: string, ...rest: never[]) {
      used.add(name);
      return (runKernel as (...args: unknown[]) => unknown).call(this, name, ...rest);
    } as never;
    try {
      const result = body();
      list = Array.isArray(result);
      return [result].flat();
    } finally {
      tf.engine().runKernel = runKernel;
    }
  });
  const values = await Promise.all(
    results.map(async (one) => ({ shape: one.shape, dtype: one.dtype, data: await one.data() })),
  );
  tf.dispose(results);
  return { values, used, list };
}

describe.skipIf(!hasCompiler())('plain ops of engine cuda, emulated', { timeout: 300_000 }, () => {
  let cuda: OpenCuda;
  beforeAll(async () => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    cuda = await openCuda();
  });
  afterAll(() => closeCuda(cuda.backend));

  it('are all tried', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(PLAIN_KERNELS).sort());
  });

  it.each(Object.keys(CASES))('%s gives what tfjs-backend-cpu gives, and frees what it took', async (kernel) => {
    for (const [number, body] of CASES[kernel].entries()) {
      const want = await runOn('cpu', body);
      const before = [cuda.backend.numDataIds(), cuda.backend.context.allocator.bytesInUse];
      const got = await runOn('arena-cuda', body);
      expect([...got.used]).toContain(kernel);
      expect(got.list).toBe(want.list);
      expect(got.values.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
        want.values.map(({ shape, dtype }) => ({ shape, dtype })),
      );
      got.values.forEach(({ data }, at) => {
        const expected = want.values[at].data;
        expect(expected.length).toBeGreaterThan(0);
        const scale = Math.max(1, ...expected.map(Math.abs));
        const error = Math.max(...Array.from(data, (x, n) => Math.abs(x - expected[n]) / scale));
        expect(error, `${kernel} ${number}`).toBeLessThanOrEqual(2e-6);
      });
      expect([cuda.backend.numDataIds(), cuda.backend.context.allocator.bytesInUse]).toEqual(before);
    }
  });
});
