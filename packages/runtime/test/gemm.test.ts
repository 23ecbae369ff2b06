import { createHash } from 'node:crypto';
import { add, gather, getBackend, matMul, memory, setBackend, slice, tensor, tidy } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../src/index.js';
import { Heap } from '../src/wasm/heap.js';
import { multiply, WasmBackend } from '../src/wasm/index.js';
import { openPool } from '../src/wasm/pool.js';

function random(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1);
}

/** A [m, k] times B [k, n] in float64, each stored transposed if so said. */
function product(a: Float32Array, b: Float32Array, [m, k, n]: number[], transposeA: boolean, transposeB: boolean) {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let x = 0; x < k; x++) sum += a[transposeA ? x * m + i : i * k + x] * b[transposeB ? j * k + x : x * n + j];
      c[i * n + j] = sum;
    }
  }
  return c;
}

function maxDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i] - want[i]);
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  return worst;
}

const SIZES = [
  [1, 1, 1], [4, 8, 8], [5, 3, 9], [63, 65, 17], [64, 256, 192], [65, 257, 193], [3, 700, 1], [130, 1, 200], [1, 515, 385],
  [67, 31, 7],
]; // biome-ignore format: a table

describe('matMul on engine wasm', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine('wasm', { threads: 2 });
  });
  afterAll(() => engine.dispose());

  it.each(SIZES)('agrees with float64 at m=%i k=%i n=%i for every transpose', (m, k, n) => {
    expect(getBackend()).toBe('arena-wasm');
    const a = random(m * k, 1);
    const b = random(k * n, 2);
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const got = tidy(() =>
          matMul(
            tensor(a, transposeA ? [k, m] : [m, k]),
            tensor(b, transposeB ? [n, k] : [k, n]),
            transposeA,
            transposeB,
          ).dataSync(),
        );
        expect(maxDifference(got, product(a, b, [m, k, n], transposeA, transposeB))).toBeLessThan(
          2e-6 * Math.sqrt(k) + 1e-7,
        );
      }
    }
  });

  it('gathers rows of a matrix, and refuses rows that are not there', () => {
    const x = random(5 * 7, 1);
    const rows = [4, 0, 0, 3];
    const got = tidy(() => gather(tensor(x, [5, 7]), tensor(rows, [4], 'int32')).dataSync());
    expect([...got]).toEqual(rows.flatMap((row) => [...x.subarray(7 * row, 7 * row + 7)]));
    const numbers = tidy(() => gather(tensor([1, 2, 3], [3], 'int32'), tensor([2, 0], [2], 'int32')).dataSync());
    expect([...numbers]).toEqual([3, 1]); // left to tfjs-backend-cpu
    expect(() => tidy(() => gather(tensor(x, [5, 7]), tensor([5], [1], 'int32')))).toThrow(
      'index 5 is outside the 5 rows',
    );
  });

  it('multiplies batches, broadcasting one operand', () => {
    const a = random(3 * 5 * 7, 1);
    const b = random(7 * 9, 2);
    const got = tidy(() => matMul(tensor(a, [3, 5, 7]), tensor(b, [1, 7, 9])).dataSync());
    const want = [0, 1, 2].flatMap((i) => [...product(a.subarray(35 * i, 35 * i + 35), b, [5, 7, 9], false, false)]);
    expect(maxDifference(got, want)).toBeLessThan(1e-5);
  });

  it('gives the same bits on every run and with every number of threads', async () => {
    const [m, k, n] = [301, 517, 403];
    const a = random(m * k, 3);
    const b = random(k * n, 4);
    const run = () => {
      const data = tidy(() => matMul(tensor(a, [m, k]), tensor(b, [n, k]), false, true).dataSync());
      return createHash('sha256').update(new Uint8Array(data.buffer)).digest('hex');
    };
    const first = run();
    for (let turn = 0; turn < 10; turn++) expect(run()).toBe(first);
    for (const threads of [1, 4, 2]) {
      await openEngine('wasm', { threads });
      expect(run()).toBe(first);
    }
    engine = await openEngine('wasm');
  });

  it('leaves integer products to the reference kernel', () => {
    const got = tidy(() =>
      matMul(tensor([1, 2, 3, 4], [2, 2], 'int32'), tensor([5, 6, 7, 8], [2, 2], 'int32')).dataSync(),
    );
    expect([...got]).toEqual([19, 22, 43, 50]);
  });

  it('names both shapes when the inner sizes differ', () => {
    expect(() => tidy(() => matMul(tensor(random(6, 1), [2, 3]), tensor(random(8, 1), [4, 2])))).toThrow(/3.*4/);
  });

  it('frees what it takes, and keeps copies apart from the heap', () => {
    const backend = () => memory() as unknown as { numBytesInHeap: number };
    const a = tensor(random(64 * 64, 1), [64, 64]);
    matMul(a, a).dispose();
    const before = backend().numBytesInHeap;
    const kept = tidy(() => {
      const c = matMul(a, a);
      const data = c.dataSync();
      const part = slice(c, [1, 0], [2, 64]);
      return { data, copy: data.slice(), part };
    });
    // the next products take the freed memory: neither a slice nor what was read may change with it
    for (let turn = 0; turn < 5; turn++) matMul(a, a, true).dispose();
    expect(kept.data).toEqual(kept.copy);
    expect(kept.part.dataSync()).toEqual(kept.copy.slice(64, 192));
    kept.part.dispose();
    expect(backend().numBytesInHeap).toBe(before);
    a.dispose();
  });

  it('moves tensors from and to another backend', async () => {
    await setBackend('cpu');
    const a = tensor(random(4, 1), [2, 2]);
    const want = matMul(a, a).dataSync();
    await setBackend('arena-wasm');
    const c = matMul(a, a);
    expect(maxDifference(c.dataSync(), want)).toBeLessThan(1e-6);
    await setBackend('cpu');
    expect(maxDifference(add(c, 0).dataSync(), want)).toBeLessThan(1e-6);
    await setBackend('arena-wasm');
  });
});

describe('multiply', () => {
  it.each([
    { shared: true, relaxed: true },
    { shared: true, relaxed: false },
    { shared: false, relaxed: true },
  ])('accumulates, scales and strides (%o)', async ({ shared, relaxed }) => {
    const heap = new Heap({ shared });
    const backend = new WasmBackend(heap, await openPool(heap, { threads: 2, relaxed }));
    const [m, k, n] = [37, 29, 21];
    const a = random(m * k, 5);
    const b = random(k * n, 6);
    const upload = (values: Float32Array) => {
      const pointer = heap.allocate(values.byteLength);
      heap.view(pointer, values.length, 'float32').set(values);
      return pointer;
    };
    const pointerA = upload(a);
    const pointerB = upload(b);
    const strideC = n + 3;
    const c = upload(new Float32Array(m * strideC).fill(1));
    multiply(backend, { a: { pointer: pointerA, m, k, scale: 2 }, b: pointerB, c, n, strideC, accumulate: true });
    const want = new Float64Array(m * strideC).fill(1);
    product(a, b, [m, k, n], false, false).forEach((value, i) => {
      want[Math.floor(i / n) * strideC + (i % n)] += 2 * value;
    });
    expect(maxDifference(heap.view(c, m * strideC, 'float32'), want)).toBeLessThan(2e-5);
    backend.dispose();
  });
});
