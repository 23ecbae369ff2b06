/** @file Tensors that wait in bfloat16 on engine `cuda`, emulated. */
import { roundTo } from '@arena/quant/state';
import { halve } from '@arena/runtime/op';
import { add, dispose, memory, neg, reshape, type Tensor, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { CudaOutOfMemoryError } from '../src/index.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const LENGTH = 4096;

describe.skipIf(!hasCompiler())('halve', { timeout: 300_000 }, () => {
  let cuda: OpenCuda;
  beforeEach(async () => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    cuda = await openCuda({ bf16: true });
  });
  afterEach(() => closeCuda(cuda.backend));
  const inUse = () => (memory() as unknown as { numBytesInGPU: number }).numBytesInGPU;

  /** Numbers of every size, ties of the rounding, and those that are none. */
  function numbers(): Float32Array {
    const bits = Uint32Array.from({ length: LENGTH }, (_, i) => Math.imul(i, 0x9e3779b1));
    const values = new Float32Array(bits.buffer).map((value) => (Number.isNaN(value) ? 1 : value));
    values.set([0, -0, Infinity, -Infinity, 1e-45, 3.4028235e38, 1 + 2 ** -8, 1 + 3 * 2 ** -8, Number.NaN]);
    return values;
  }

  it('rounds to nearest, gives half the memory back until the tensor is used, and all of it in the end', async () => {
    const values = numbers();
    const before = inUse();
    const x = tensor1d(values);
    expect(inUse() - before).toBe(4 * LENGTH);
    halve([x]);
    expect(inUse() - before).toBe(2 * LENGTH);
    const negated = neg(x);
    expect(inUse() - before).toBe(8 * LENGTH); // x is float32 again
    const want = roundTo(values, 'bfloat16');
    expect(await x.data()).toEqual(want);
    expect(negated.dataSync()).toEqual(want.map((value) => -value));
    halve([x]);
    halve([x]); // nothing more to do
    expect(await x.data()).toEqual(want);
    halve([x]);
    expect(x.dataSync()).toEqual(want);
    halve([x]);
    dispose([x, negated]);
    expect(inUse()).toBe(before);
  });

  it('serves a tensor that is two inputs of a kernel, and those that share its memory', async () => {
    const x = tensor2d(numbers().fill(1.5, 0, 64), [64, 64]);
    const rows = reshape(x, [LENGTH]);
    halve([x]);
    expect((await add(x, x).data()).slice(0, 3)).toEqual(new Float32Array(3).fill(3));
    halve([rows]);
    expect((await x.data()).slice(0, 3)).toEqual(new Float32Array(3).fill(1.5));
  });

  it('leaves small tensors, odd lengths and integers as they are', async () => {
    const tensors: Tensor[] = [
      tensor1d([1 + 2 ** -20]),
      tensor1d(new Float32Array(LENGTH + 1).fill(1 + 2 ** -20)),
      tensor1d(new Int32Array(LENGTH).fill(2 ** 24 + 1)),
    ];
    const before = await Promise.all(tensors.map((tensor) => tensor.data()));
    halve(tensors);
    expect(await Promise.all(tensors.map((tensor) => tensor.data()))).toEqual(before);
  });

  it('keeps the values where there is no memory to take them back', async () => {
    await closeCuda(cuda.backend);
    cuda = await openCuda({ bf16: true, budget: 2 ** 20 });
    const count = 2 ** 16; // a quarter of the budget in float32
    const x = tensor1d(new Float32Array(count).fill(2.5));
    halve([x]);
    const rest: Tensor[] = [];
    expect(() => {
      for (;;) rest.push(tensor1d(new Float32Array(count / 4)));
    }).toThrow(CudaOutOfMemoryError);
    expect(() => x.dataSync()).toThrow(CudaOutOfMemoryError);
    dispose(rest);
    expect(x.dataSync()).toEqual(new Float32Array(count).fill(2.5));
  });
});
