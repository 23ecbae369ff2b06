/** @file Products of factors that are rounded to bfloat16 in memory: Hopper's instruction and cuBLASLt, by stand-ins, against float64. */
import { dequantize4bit, quantize4bit } from '@arena/quant';
import { cuda4bit, uploadWeight4bit } from '@arena/quant/ops';
import { roundTo } from '@arena/quant/state';
import { dropoutMask } from '@arena/random';
import { startProfile } from '@arena/runtime';
import {
  type CudaForm,
  type CudaOperand,
  type CudaProduct,
  type CudaWay,
  cudaFloat,
  cudaMultiply,
} from '@arena/runtime/cuda';
import { engine, fill, matMul, type TensorInfo, tensor2d } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { emulatedCublasLt, emulatedDriver, hasCompiler } from './emulator/build.js';

let state = 7;
const draw = (count: number) =>
  Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
const rounded = (values: Float32Array) => Float32Array.from(roundTo(values, 'bfloat16'));

/** A B^T or A B in float64: a [m, k], b [n, k] or [k, n]. */
function product64(form: CudaForm, a: Float32Array, b: Float32Array, m: number, n: number, k: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let d = 0; d < k; d++) c[i * n + j] += a[i * k + d] * (form === 'nt' ? b[j * k + d] : b[d * n + j]);
    }
  }
  return c;
}

const SIZES = [
  [1, 8, 8],
  [192, 192, 64],
  [200, 200, 72],
  [193, 392, 328],
];
const WAYS = (['wgmma', 'cublasLt'] as const).flatMap((way) =>
  (['nt', 'nn'] as const).flatMap((form) => SIZES.map(([m, n, k]) => [way, form, m, n, k] as const)),
);

describe.skipIf(!hasCompiler())('products of rounded factors on engine cuda, emulated', { timeout: 300_000 }, () => {
  let cuda: OpenCuda;
  beforeAll(async () => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    process.env.ARENA_CUBLASLT_LIBRARY = emulatedCublasLt();
    process.env.EMULATED_CAPABILITY = '90';
    process.env.EMULATED_SHARED = String(227 * 1024);
    cuda = await openCuda({ bf16: true });
  });
  afterEach(() => expect(cuda.backend.context.check()).toBeUndefined());
  afterAll(async () => {
    delete process.env.EMULATED_CAPABILITY;
    delete process.env.EMULATED_SHARED;
    delete process.env.ARENA_CUBLASLT_LIBRARY;
    await closeCuda(cuda.backend);
  });

  async function expectProduct(product: Omit<CudaProduct, 'way'>, way: CudaWay, want: Float64Array) {
    const c: TensorInfo = cudaMultiply(cuda.backend.launcher, { ...product, way });
    const tensor = engine().makeTensorFromTensorInfo(c);
    const values = await tensor.data();
    tensor.dispose();
    expect(c.shape).toEqual([product.m, product.n]);
    const scale = Math.max(1, ...want.map(Math.abs));
    expect(Math.max(...want.map((x, i) => Math.abs(x - values[i]) / scale))).toBeLessThan(2e-6);
  }

  it.each(WAYS)('%s, %s: [%i, %i] over %i', async (way, form, m, n, k) => {
    const [a, b, residual] = [draw(m * k), draw(n * k), draw(m * n)];
    const lowK = 20;
    const [lowA, lowB] = [draw(m * lowK), draw(n * lowK)];
    // cuBLASLt leaves the second product to a kernel that rounds nothing
    const low64 = way === 'wgmma' ? [rounded(lowA), rounded(lowB)] : [lowA, lowB];
    const plain = product64(form, rounded(a), rounded(b), m, n, k);
    const added = product64(form, low64[0], low64[1], m, n, lowK);
    const product = {
      ...{ form, m, n, k },
      a: tensor2d(a, [m, k]),
      b: cudaFloat(tensor2d(b, form === 'nt' ? [n, k] : [k, n])),
    };
    await expectProduct(product, way, plain);
    const low = {
      a: tensor2d(lowA, [m, lowK]),
      b: tensor2d(lowB, form === 'nt' ? [n, lowK] : [lowK, n]),
      k: lowK,
      scale: 3,
    };
    const mask = { p: 0.3, seed: 11, stream: 5 };
    const factors = form === 'nn' ? dropoutMask(mask, m * n) : new Float32Array(m * n).fill(1);
    const all = {
      ...{ ...product, scale: 0.5, low, residual: tensor2d(residual, [m, n]) },
      mask: form === 'nn' ? { ...mask, on: 'low' as const } : undefined,
    };
    const want = plain.map((x, i) => 0.5 * (x + 3 * factors[i] * added[i]) + residual[i]);
    await expectProduct(all, way, want);
  });

  it.each([
    ['wgmma', true, 64],
    ['wgmma', false, 32],
    ['cublasLt', true, 64],
  ] as const)('%s with a 4-bit matrix, nested %s, in blocks of %i', async (way, doubleQuant, blockSize) => {
    const [m, out, inner] = [70, 200, 136];
    const quantized = quantize4bit(draw(out * inner), [out, inner], { blockSize, doubleQuant });
    const weight = rounded(Float32Array.from(dequantize4bit(quantized)));
    const { attrs, tensors } = uploadWeight4bit(quantized);
    const b: CudaOperand = cuda4bit(tensors as never, attrs);
    const [x, dy] = [draw(m * inner), draw(m * out)];
    const forward = { form: 'nt', a: tensor2d(x, [m, inner]), b, m, n: out, k: inner } as const;
    await expectProduct(forward, way, product64('nt', rounded(x), weight, m, out, inner));
    const backward = { form: 'nn', a: tensor2d(dy, [m, out]), b, m, n: inner, k: out } as const;
    await expectProduct(backward, way, product64('nn', rounded(dy), weight, m, inner, out));
  });

  it('cublasLt takes a second product with the first, in one of a longer inner dimension', async () => {
    const [m, n, k, lowK] = [70, 200, 136, 16];
    const [a, lowA, lowB] = [draw(m * k), draw(m * lowK), draw(n * lowK)];
    const quantized = quantize4bit(draw(n * k), [n, k], { blockSize: 64, doubleQuant: true });
    const { attrs, tensors } = uploadWeight4bit(quantized);
    const low = { a: tensor2d(lowA, [m, lowK]), b: tensor2d(lowB, [n, lowK]), k: lowK, scale: 2 };
    const product = {
      form: 'nt',
      m,
      n,
      k,
      scale: 0.5,
      a: tensor2d(a, [m, k]),
      b: cuda4bit(tensors as never, attrs),
      low,
    } as const;
    const first = product64('nt', rounded(a), rounded(Float32Array.from(dequantize4bit(quantized))), m, n, k);
    const second = product64('nt', rounded(lowA), rounded(lowB), m, n, lowK);
    await expectProduct(
      product,
      'cublasLt',
      first.map((x, i) => 0.5 * (x + 2 * second[i])),
    );
  });

  it('takes the fastest way that is there for large products, and none of them unasked', async () => {
    const value = 1 + 2 ** -9; // 1 in bfloat16
    const first = async () => {
      const c = matMul(fill([256, 8], value), fill([8, 64], value));
      return (await c.data())[0];
    };
    const launcher = () => cuda.backend.launcher;
    expect(launcher().wgmma).toBe(true);
    expect(launcher().cublasLt).toBeDefined();
    expect(await first()).toBe(8);
    cuda = await openCuda({ bf16: true, cublasLt: false });
    expect(launcher().cublasLt).toBeUndefined();
    expect(await first()).toBe(8);
    cuda = await openCuda();
    expect(await first()).toBeCloseTo(8 * value ** 2, 5);
    cuda = await openCuda({ bf16: true });
  });

  it('times each kernel by the device', async () => {
    const profile = startProfile();
    expect(profile.clock).toBe('gpu');
    expect(() => startProfile()).toThrow('timed already');
    const [a, b] = [fill([256, 8], 1), fill([8, 64], 1)];
    for (let i = 0; i < 3; i++) matMul(a, b);
    const times = new Map((await profile.stop()).map((time) => [time.name, time]));
    // the stand-in of the driver says a millisecond of everything
    expect(times.get('cublasLtMatmul')).toEqual({ name: 'cublasLtMatmul', calls: 3, milliseconds: 3 });
    expect(times.get('roundBf16')).toMatchObject({ calls: 3 });
    matMul(a, b);
    expect(await startProfile().stop()).toEqual([]);
  });

  it('forgets plans of sizes beyond the last few hundred, and goes on', async () => {
    const live = cuda.backend.context.driver.koffi
      .load(emulatedCublasLt())
      .func('emulatedBlasHandles', 'int', []) as () => number;
    const b = cudaFloat(tensor2d(new Float32Array(64).fill(1), [8, 8]));
    const product = { form: 'nt', n: 8, k: 8, b } as const;
    const multiply = (m: number) =>
      cudaMultiply(cuda.backend.launcher, { ...product, m, a: fill([m, 8], 1), way: 'cublasLt' });
    for (let m = 1; m <= 300; m++) multiply(m);
    expect(live()).toBeLessThan(4 * 256 + 8); // an operation and three layouts each
    await expectProduct({ ...product, m: 1, a: fill([1, 8], 1) }, 'cublasLt', new Float64Array(8).fill(8));
  });

  it('a cuBLASLt that does not work is said in one line, with what to do, and leaves nothing open', async () => {
    await closeCuda(cuda.backend);
    process.env.ARENA_CUBLASLT_LIBRARY = 'libm.so.6'; // loads, and has none of it
    await expect(openCuda({ bf16: true })).rejects.toThrow(
      /^engine 'cuda': libm\.so\.6 has no cublasLtCreate: do without it \(cublasLt: false, --no-cublaslt\)$/,
    );
    process.env.ARENA_CUBLASLT_LIBRARY = emulatedCublasLt();
    cuda = await openCuda({ bf16: true });
  });

  it('gives back what cuBLASLt took', async () => {
    cudaMultiply(cuda.backend.launcher, {
      ...{ form: 'nt', m: 8, n: 8, k: 8, way: 'cublasLt' },
      a: tensor2d(draw(64), [8, 8]),
      b: cudaFloat(tensor2d(draw(64), [8, 8])),
    });
    const live = cuda.backend.context.driver.koffi
      .load(emulatedCublasLt())
      .func('emulatedBlasHandles', 'int', []) as () => number;
    expect(live()).toBeGreaterThan(0);
    cuda.backend.launcher.closeCublasLt();
    expect(live()).toBe(0);
    cuda.backend.launcher.openCublasLt();
  });
});
