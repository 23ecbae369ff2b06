import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backend, matMul, type Tensor, tensor2d } from '@tensorflow/tfjs-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBlas } from '../src/blas/index.js';
import { type Engine, openEngine } from '../src/index.js';
import { multiplyPanels, type NativeProducts, packLeft, roundRows, wasmBackend } from '../src/wasm/index.js';
import { isInstalled, LIBRARIES } from './libraries.js';

const value = (i: number) => Math.sin(12.9898 * i) * 0.9;
const matrix = (rows: number, columns: number, seed: number) =>
  Float32Array.from({ length: rows * columns }, (_, i) => value(i + 7919 * seed));

/** A [m, k] B [k, n] in float64. */
function reference(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let d = 0; d < k; d++) {
      const x = a[i * k + d];
      for (let j = 0; j < n; j++) c[i * n + j] += x * b[d * n + j];
    }
  }
  return c;
}

const transposed = (x: Float32Array, rows: number, columns: number) =>
  Float32Array.from({ length: x.length }, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]);

/** The bfloat16 number next to x, the even one of two: 8 significant bits. */
function nearestHalf(x: number): number {
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x) || 1)) - 7);
  const below = Math.floor(x / step);
  const rest = x / step - below;
  const isUp = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + Number(isUp)) * step;
}

const farthest = (got: ArrayLike<number>, want: ArrayLike<number>) =>
  Array.from(want).reduce((most, x, i) => Math.max(most, Math.abs(x - got[i])), 0);

let engine: Engine | undefined;
afterEach(() => engine?.dispose());

describe.each(LIBRARIES)('engine wasm with %s', (name, path) => {
  const here = it.skipIf(!isInstalled(path));

  here.each([
    [600, 640, 300],
    [5, 100, 700],
    [513, 33, 129],
    [2000, 64, 16],
  ])('multiplies [%i, %i] by [.., %i] in all four forms', async (m, k, n) => {
    engine = await openEngine('wasm', { threads: 2, blas: await openBlas({ path }) });
    expect(engine.blas?.name).toContain(name);
    const [a, b] = [matrix(m, k, 1), matrix(k, n, 2)];
    const want = reference(a, b, m, k, n);
    const forms: [Tensor, Tensor, boolean, boolean][] = [
      [tensor2d(a, [m, k]), tensor2d(b, [k, n]), false, false],
      [tensor2d(a, [m, k]), tensor2d(transposed(b, k, n), [n, k]), false, true],
      [tensor2d(transposed(a, m, k), [k, m]), tensor2d(b, [k, n]), true, false],
      [tensor2d(transposed(a, m, k), [k, m]), tensor2d(transposed(b, k, n), [n, k]), true, true],
    ];
    for (const [x, y, tx, ty] of forms) {
      const got = await matMul(x, y, tx, ty).data();
      expect(farthest(got as Float32Array, want)).toBeLessThan(2e-6 * k);
    }
  });

  here('gives the same bits on one thread and on three', async () => {
    const [m, k, n] = [700, 320, 640];
    const product = async (threads: number) => {
      engine?.dispose();
      engine = await openEngine('wasm', { threads, blas: await openBlas({ path }) });
      return matMul(tensor2d(matrix(m, k, 3), [m, k]), tensor2d(matrix(k, n, 4), [k, n])).data();
    };
    expect(await product(3)).toEqual(await product(1));
  });
});

describe('a weight panel by panel', () => {
  it.skipIf(!isInstalled('libdnnl.so.2')).each([
    ['float32', false],
    ['bfloat16', true],
  ])('in %s, both ways, also added to what is there', async (_, bf16) => {
    engine = await openEngine('wasm', { threads: 2, blas: await openBlas({ path: 'libdnnl.so.2', bf16 }) });
    if (bf16 && engine.notes.length) expect(engine.notes[0]).toContain('bfloat16'); // a processor without it
    const wasm = wasmBackend(backend());
    const { heap } = wasm;
    const [m, outFeatures, inFeatures] = [130, 2048, 1152]; // more than one panel
    const w = matrix(outFeatures, inFeatures, 5);
    const stored = heap.allocate(4 * w.length);
    heap.view(stored, w.length, 'float32').set(w);
    for (const isTransposed of [false, true]) {
      const [k, n] = isTransposed ? [outFeatures, inFeatures] : [inFeatures, outFeatures];
      const x = matrix(m, k, 6);
      const [a, c] = [heap.allocate(4 * m * k), heap.allocate(4 * m * n)];
      heap.view(a, m * k, 'float32').set(x);
      heap.view(c, m * n, 'float32').fill(2);
      const packed = packLeft(wasm, { pointer: a, m, k });
      const widen = ({ first, count, to, half }: { first: number; count: number; to: number; half: boolean }) => {
        const from = stored + 4 * first * inFeatures;
        if (half) roundRows(wasm, { from, to, rows: count, columns: inFeatures });
        else heap.view(to, count * inFeatures, 'float32').set(heap.view(from, count * inFeatures, 'float32'));
      };
      const shape = [outFeatures, inFeatures] as const;
      expect(multiplyPanels(wasm, { a: packed, shape, transposed: isTransposed, c, accumulate: true, widen })).toBe(
        engine.blas !== undefined,
      );
      packed.free();
      if (!engine.blas) continue;
      const [left, right] = [x, isTransposed ? w : transposed(w, outFeatures, inFeatures)].map((factor) =>
        bf16 ? factor.map(nearestHalf) : factor,
      );
      const want = reference(left, right, m, k, n).map((sum) => sum + 2);
      expect(farthest(heap.view(c, m * n, 'float32'), want)).toBeLessThan(2e-6 * k);
    }
  });
});

/** cblas_sgemm by its definition, row-major. */
const STAND_IN = `
extern "C" void cblas_sgemm(int, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                            const float *b, int ldb, float beta, float *c, int ldc) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int p = 0; p < k; p++) sum += (ta == 112 ? a[p * lda + i] : a[i * lda + p]) * (tb == 112 ? b[j * ldb + p] : b[p * ldb + j]);
      float *at = c + i * ldc + j;
      *at = alpha * sum + (beta ? beta * *at : 0);
    }
}`;

/** A library that leaves C as it is. */
const wrongLibrary = (): NativeProducts => ({
  name: 'a wrong library',
  path: '',
  bf16: false,
  koffi: createRequire(import.meta.url).resolve('koffi'),
  bind: () => () => {},
  data: {},
});

describe('openBlas', () => {
  it('names the file that is no library, or lacks the product', async () => {
    await expect(openBlas({ path: '/no/such/library.so' })).rejects.toThrow('/no/such/library.so');
    await expect(openBlas({ path: 'libm.so.6' })).rejects.toThrow('it has neither cblas_sgemm nor dnnl_sgemm');
    await expect(openBlas({ path: 'libopenblas.so.0', bf16: true })).rejects.toThrow(/oneDNN/);
  });

  it('refuses a library whose products are wrong, and computes without it', async () => {
    engine = await openEngine('wasm', { threads: 2, blas: wrongLibrary() });
    expect(engine.notes[0]).toMatch(/^a wrong library is not used: a product was wrong by/);
    expect(engine.blas).toBeUndefined();
    const y = matMul(tensor2d(matrix(100, 200, 1), [100, 200]), tensor2d(matrix(200, 100, 2), [200, 100]));
    const want = reference(matrix(100, 200, 1), matrix(200, 100, 2), 100, 200, 100);
    expect(farthest((await y.data()) as Float32Array, want)).toBeLessThan(1e-3);
  });

  it.skipIf(!isInstalled('libopenblas.so.0'))('falls back to float32 where bfloat16 fails', async () => {
    const blas = { ...(await openBlas({ path: 'libopenblas.so.0' })), bf16: true }; // CBLAS has no such product
    engine = await openEngine('wasm', { threads: 2, blas });
    expect(engine.notes).toEqual([
      expect.stringMatching(/OpenBLAS .* is not used: .*CBLAS has no product of bfloat16/),
    ]);
    expect(engine.blas).toMatchObject({ bf16: false });
  });

  it.skipIf(!isInstalled('libopenblas.so.0'))('starts no thread of the library, and leaves the environment', () => {
    const script = `
      import { readdirSync } from 'node:fs';
      import { openBlas } from ${JSON.stringify(new URL('../dist/blas/index.js', import.meta.url).href)};
      const threads = () => readdirSync('/proc/self/task').length;
      await import('node:fs/promises').then(({ readFile }) => readFile('/proc/self/stat')); // Node's own threads are there
      const before = threads();
      await openBlas({ path: 'libopenblas.so.0' });
      console.log(threads() - before, process.env.OPENBLAS_NUM_THREADS, process.env.MKL_NUM_THREADS);`;
    const env = { ...process.env, OPENBLAS_NUM_THREADS: '4', OMP_NUM_THREADS: '4' };
    delete (env as { MKL_NUM_THREADS?: string }).MKL_NUM_THREADS;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
    expect(said).toBe('0 4 undefined\n');
  });

  describe.skipIf(!existsSync('/usr/bin/g++'))(
    'with a library of a name of other systems (a stand-in, on Linux)',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'arena-blas-'));
      afterAll(() => rmSync(folder, { recursive: true }));
      beforeAll(() => {
        const source = join(folder, 'cblas.cpp');
        writeFileSync(source, STAND_IN);
        const [first, ...others] = ['openblas.dll', 'libopenblas.dylib', 'Accelerate'];
        execFileSync('g++', ['-O2', '-shared', '-fPIC', '-o', join(folder, first), source]);
        for (const name of others) copyFileSync(join(folder, first), join(folder, name));
      });

      it.each([
        ['win32', undefined, 'CBLAS'],
        ['darwin', undefined, 'CBLAS'],
        ['darwin', 'Accelerate', 'Accelerate'],
      ])('%s, path %s: finds it and multiplies', (platform, path, name) => {
        const dist = (file: string) => JSON.stringify(new URL(`../dist/${file}`, import.meta.url).href);
        const script = `
        import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
        import { openEngine } from ${dist('index.js')};
        import { openBlas } from ${dist('blas/index.js')};
        createRequire(import.meta.url)('koffi'); // for the real system
        Object.defineProperty(process, 'platform', { value: '${platform}' });
        const path = ${path && JSON.stringify(join(folder, path))};
        const blas = await openBlas({ path });
        Object.defineProperty(process, 'platform', { value: 'linux' });
        const engine = await openEngine('wasm', { threads: 2, blas });
        console.log(blas.name, blas.path.split('/').pop(), engine.notes.join());
        process.exit();`;
        const env = { ...process.env, LD_LIBRARY_PATH: folder };
        const options = { cwd: new URL('..', import.meta.url), env, encoding: 'utf8' } as const;
        const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
        const found = path ?? (platform === 'win32' ? 'openblas.dll' : 'libopenblas.dylib');
        // it is right; that it may be slower than our kernels is said
        expect(said).toMatch(new RegExp(`^${name} ${found} (CBLAS|Accelerate)?[^\\n]*\\n$`));
        expect(said).not.toMatch(/wrong/);
      });
    },
  );

  // dnnl_sgemm of oneDNN 2.6 keeps values below its stack pointer, where a signal's frame goes
  it.skipIf(!isInstalled('libdnnl.so.2'))('multiplies with oneDNN while signals arrive', async () => {
    const dist = (path: string) => JSON.stringify(new URL(`../dist/${path}/index.js`, import.meta.url).href);
    const script = `
      import { openEngine } from ${dist('.')};
      import { openBlas } from ${dist('blas')};
      import { multiply, wasmBackend } from ${dist('wasm')};
      import { backend } from '@tensorflow/tfjs-core';
      process.on('SIGWINCH', () => {}); // as a terminal that changes its size
      await openEngine('wasm', { threads: 1, blas: await openBlas({ path: 'libdnnl.so.2' }) });
      const wasm = wasmBackend(backend());
      const [a, b, c] = [1, 2, 3].map(() => wasm.heap.allocate(4 * 512 * 512));
      for (const pointer of [a, b]) wasm.heap.view(pointer, 512 * 512, 'float32').fill(0.5);
      console.log('ready');
      let wrong = 0;
      for (let i = 0; i < 400; i++) {
        const [n, k] = [64 + 16 * (i % 20), 96 + 32 * (i % 13)];
        multiply(wasm, { a: { pointer: a, m: 300, k, transpose: i % 2 === 1 }, b, c, n, transposeB: i % 3 === 0 });
        wrong += wasm.heap.view(c, 300 * n, 'float32').some((x) => x !== k / 4) ? 1 : 0;
      }
      console.log('wrong:', wrong);
      process.exit();`;
    const cwd = new URL('..', import.meta.url);
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd });
    let said = '';
    let signals: NodeJS.Timeout | undefined;
    child.stdout.on('data', (chunk) => {
      said += chunk;
      signals ??= setInterval(() => child.kill('SIGWINCH'), 1);
    });
    const [code, signal] = await once(child, 'exit');
    clearInterval(signals);
    expect({ said, code, signal }).toEqual({ said: 'ready\nwrong: 0\n', code: 0, signal: null });
  });
});
