/** @file Products on engine `cuda`, emulated, in every tile, against float64; on tensor cores, of factors rounded to bfloat16. */
import { dequantize4bit, quantize4bit } from '@arena/quant';
import { cuda4bit, uploadWeight4bit } from '@arena/quant/ops';
import { roundTo } from '@arena/quant/state';
import { dropoutMask } from '@arena/random';
import { type CudaForm, type CudaTile, cudaFloat, cudaMultiply } from '@arena/runtime/cuda';
import { dispose, engine, fill, matMul, type Tensor, tensor2d } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCuda, type OpenCuda, openCuda } from '../src/device/index.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

let state = 7;
const draw = (count: number) =>
  Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });

/** A matrix [rows, columns], and its values on the host. */
function matrix(rows: number, columns: number) {
  const values = draw(rows * columns);
  return { values, shape: [rows, columns], tensor: () => tensor2d(values.slice(), [rows, columns]) };
}
type Matrix = ReturnType<typeof matrix>;

/** The factor that a kernel multiplies. */
const factor = (one: Matrix, tile: CudaTile): Matrix =>
  tile === 'mma' ? { ...one, values: Float32Array.from(roundTo(one.values, 'bfloat16')) } : one;

/** Row i, column d of A, and row d, column j of B, as the form lays them out; [m, n] in float64. */
function product64(form: CudaForm, a: Matrix, b: Matrix, m: number, n: number, k: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let d = 0; d < k; d++) {
        const left = form === 'tn' ? a.values[d * m + i] : a.values[i * k + d];
        c[i * n + j] += left * (form === 'nt' ? b.values[j * k + d] : b.values[d * n + j]);
      }
    }
  }
  return c;
}

const layout = (form: CudaForm, m: number, n: number, k: number) => ({
  a: form === 'tn' ? matrix(k, m) : matrix(m, k),
  b: form === 'nt' ? matrix(n, k) : matrix(k, n),
});

const SIZES = [
  [1, 1, 1],
  [64, 64, 16],
  [65, 129, 33],
  [130, 67, 100],
  [128, 256, 15],
];
const CASES = (['nt', 'nn', 'tn'] as const).flatMap((form) =>
  ([64, 128, 'mma'] as const).flatMap((tile) => SIZES.map(([m, n, k]) => [form, tile, m, n, k] as const)),
);

describe.skipIf(!hasCompiler())('products on engine cuda, emulated', { timeout: 300_000 }, () => {
  let cuda: OpenCuda;
  beforeAll(async () => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    cuda = await openCuda();
  });
  afterAll(() => closeCuda(cuda.backend));

  async function expectProduct(got: ReturnType<typeof cudaMultiply>, want: Float64Array) {
    const tensor = engine().makeTensorFromTensorInfo(got);
    const values = await tensor.data();
    const scale = Math.max(1, ...want.map(Math.abs));
    expect(values.length).toBe(want.length);
    expect(Math.max(...want.map((x, i) => Math.abs(x - values[i]) / scale))).toBeLessThan(2e-6);
    tensor.dispose();
  }

  it.each(CASES)('%s in tiles of %s: [%i, %i] over %i', async (form, tile, m, n, k) => {
    const { a, b } = layout(form, m, n, k);
    const low = layout(form, m, n, 5);
    const residual = matrix(m, n);
    const tensors = [a, b, low.a, low.b, residual].map((one) => one.tensor());
    const [ta, tb, lowA, lowB, tr] = tensors as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const plain = product64(form, factor(a, tile), factor(b, tile), m, n, k);
    const added = product64(form, factor(low.a, tile), factor(low.b, tile), m, n, 5);
    const { launcher } = cuda.backend;
    const common = { form, a: ta, b: cudaFloat(tb), m, n, k, way: tile as CudaTile };
    await expectProduct(cudaMultiply(launcher, common), plain);
    const all = { ...common, scale: 0.5, low: { a: lowA, b: lowB, k: 5, scale: 3 }, residual: tr };
    const want = plain.map((x, i) => 0.5 * (x + 3 * added[i]) + residual.values[i]);
    await expectProduct(cudaMultiply(launcher, all), want);
    for (const tensor of tensors) tensor.dispose();
  });

  it.each(
    ([64, 128, 'mma'] as const).flatMap((tile) =>
      [
        [130, 140, 192, 64, true],
        [5, 33, 100, 32, false],
        [129, 13, 7, 64, true],
      ].map(([m, out, inner, blockSize, doubleQuant]) => [tile, m, out, inner, blockSize, doubleQuant] as const),
    ),
  )('with a 4-bit matrix in tiles of %s: %i rows, [%i, %i] in blocks of %i, nested %s', async (...given) => {
    const [tile, m, out, inner, blockSize, doubleQuant] = given as [CudaTile, number, number, number, number, boolean];
    const quantized = quantize4bit(draw(out * inner), [out, inner], { blockSize, doubleQuant });
    const values = Float32Array.from(dequantize4bit(quantized));
    const weight: Matrix = { values, shape: [out, inner], tensor: () => tensor2d(values, [out, inner]) };
    const { attrs, tensors } = uploadWeight4bit(quantized);
    const b = cuda4bit(tensors as never, attrs);
    const { launcher } = cuda.backend;
    const [x, dy] = [matrix(m, inner), matrix(m, out)];
    await expectProduct(
      cudaMultiply(launcher, { form: 'nt', a: x.tensor(), b, m, n: out, k: inner, way: tile }),
      product64('nt', factor(x, tile), factor(weight, tile), m, out, inner),
    );
    await expectProduct(
      cudaMultiply(launcher, { form: 'nn', a: dy.tensor(), b, m, n: inner, k: out, way: tile }),
      product64('nn', factor(dy, tile), factor(weight, tile), m, inner, out),
    );
  });

  it('takes tensor cores for large products alone, and only when asked', async () => {
    const value = 1 + 2 ** -9; // 1 in bfloat16
    const productOf = async (rows: number) => {
      const [a, b] = [fill([rows, 8], value), fill([8, rows], value)];
      const c = matMul(a, b);
      const [first] = await c.data();
      dispose([a, b, c]);
      return first;
    };
    const exact = 8 * value ** 2;
    expect(await productOf(1280)).toBeCloseTo(exact, 5);
    cuda = await openCuda({ bf16: true });
    expect(await productOf(1280)).toBe(8);
    expect(await productOf(100)).toBeCloseTo(exact, 5);
    cuda = await openCuda();
    expect(await productOf(1280)).toBeCloseTo(exact, 5);
  });

  it.each([
    ['nt', 70, 16, 260, false],
    ['nt', 33, 5, 131, false],
    ['nn', 70, 16, 260, false],
    ['nn', 33, 37, 131, false],
    ['tn', 70, 16, 260, false],
    ['tn', 16, 70, 260, false],
    ['tn', 37, 300, 129, false],
    ['tn', 300, 5, 129, false],
    ['nt', 33, 32, 144, true],
    ['nn', 33, 32, 144, true],
    ['tn', 32, 64, 147, true],
    ['tn', 64, 32, 147, true],
  ] as const)('%s of a narrow matrix: [%i, %i] over %i, whole fragments %s', async (form, m, n, k, whole) => {
    const { launcher } = cuda.backend;
    const { a, b } = layout(form, m, n, k);
    const product = { form, a: a.tensor(), b: cudaFloat(b.tensor()), m, n, k, scale: 0.5 } as const;
    const mask = { p: 0.3, seed: 11, stream: 5 };
    const on = form === 'nt' ? 'a' : 'b';
    const factors = dropoutMask(mask, (on === 'a' ? a : b).values.length);
    for (const bf16 of [false, true]) {
      launcher.bf16 = bf16;
      const taken = (one: Matrix) => factor(one, bf16 && whole ? 'mma' : 64);
      const half = (c: Float64Array) => c.map((x) => x / 2);
      const plain = product64(form, taken(a), taken(b), m, n, k);
      await expectProduct(cudaMultiply(launcher, { ...product, way: 'narrow' }), half(plain));
      if (form === 'nn') continue;
      const masked = (one: Matrix): Matrix => taken({ ...one, values: one.values.map((x, i) => x * factors[i]) });
      const [left, right] = on === 'a' ? [masked(a), taken(b)] : [taken(a), masked(b)];
      const want = product64(form, left, right, m, n, k);
      await expectProduct(cudaMultiply(launcher, { ...product, mask: { ...mask, on } }), half(want));
    }
    launcher.bf16 = false;
  });

  it('multiplies by the dropout mask: A, B or the second product', async () => {
    const { launcher } = cuda.backend;
    const mask = { p: 0.3, seed: 11, stream: 5 };
    const masked = (one: Matrix): Matrix => {
      const factors = dropoutMask(mask, one.values.length);
      return { ...one, values: one.values.map((x, i) => x * factors[i]) };
    };
    const [m, n, k] = [70, 9, 40];
    const nt = layout('nt', m, n, k);
    const product = { form: 'nt', a: nt.a.tensor(), b: cudaFloat(nt.b.tensor()), m, n, k } as const;
    await expectProduct(
      cudaMultiply(launcher, { ...product, mask: { ...mask, on: 'a' } }),
      product64('nt', masked(nt.a), nt.b, m, n, k),
    );
    const tn = layout('tn', m, n, k);
    await expectProduct(
      cudaMultiply(launcher, {
        ...{ form: 'tn', a: tn.a.tensor(), b: cudaFloat(tn.b.tensor()), m, n, k },
        mask: { ...mask, on: 'b' },
      }),
      product64('tn', tn.a, masked(tn.b), m, n, k),
    );
    const [nn, low] = [layout('nn', m, n, k), layout('nn', m, n, 3)];
    const factors = dropoutMask(mask, m * n);
    const whole = { form: 'nn', a: nn.a.tensor(), b: cudaFloat(nn.b.tensor()), m, n, k } as const;
    const second = { a: low.a.tensor(), b: low.b.tensor(), k: 3, scale: 2 };
    for (const tile of [64, 128, 'mma'] as const) {
      const plain = product64('nn', factor(nn.a, tile), factor(nn.b, tile), m, n, k);
      const added = product64('nn', factor(low.a, tile), factor(low.b, tile), m, n, 3);
      await expectProduct(
        cudaMultiply(launcher, { ...whole, way: tile, low: second, mask: { ...mask, on: 'low' } }),
        plain.map((x, i) => x + 2 * added[i] * factors[i]),
      );
    }
    expect(() => cudaMultiply(launcher, { ...whole, mask: { ...mask, on: 'a' } })).toThrow(
      "a mask on 'a' belongs to form 'nt', not 'nn'",
    );
  });
});
