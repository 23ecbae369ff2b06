import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, openEngine } from '../src/index.js';
import { Heap } from '../src/wasm/heap.js';
import { multiply, WasmBackend } from '../src/wasm/index.js';
import { openPool } from '../src/wasm/pool.js';

/** What the flag does can be tried from Node 24 on. */
const HAS_FLAG = Number.parseInt(process.versions.node, 10) >= 24;
const bundle = new URL('../dist/index.js', import.meta.url);

function random(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1);
}

describe('openEngine with { wide: true }', () => {
  let engine: Engine | undefined;
  afterEach(() => engine?.dispose());

  it.skipIf(HAS_FLAG)('is refused below Node 24', async () => {
    await expect(openEngine('wasm', { wide: true })).rejects.toThrow(
      `256-bit vectors (wide) need Node 24 or later, and this is Node ${process.versions.node}: leave the option out`,
    );
  });

  it('is refused without relaxed SIMD', async () => {
    await expect(openEngine('wasm', { wide: true, relaxedSimd: false })).rejects.toThrow('need relaxed SIMD');
  });

  it.runIf(HAS_FLAG)('computes with 256-bit vectors or says why it does not', async () => {
    engine = await openEngine('wasm', { threads: 2, wide: true });
    expect(engine.wide).toBe(engine.notes.length === 0);
    const again = await openEngine('wasm', { wide: true });
    expect([again.wide, again.notes]).toEqual([engine.wide, engine.notes]);
    engine = await openEngine('wasm', { wide: false });
    expect(engine).toMatchObject({ wide: false, notes: [] });
  });

  it("with 'auto' computes with them or goes on without a word", async () => {
    engine = await openEngine('wasm', { threads: 2, wide: HAS_FLAG });
    const { wide } = engine;
    engine.dispose();
    engine = await openEngine('wasm', { threads: 2, wide: 'auto' });
    expect(engine).toMatchObject({ wide, notes: [] });
  });

  it.runIf(HAS_FLAG && existsSync(bundle))('keeps the ordinary build where the CPU has no 256-bit vectors', () => {
    const text = `
      import { openEngine } from '${bundle.href}';
      const engine = await openEngine('wasm', { threads: 2, wide: true });
      console.log(engine.wide, engine.notes.length, engine.notes[0]);`;
    const options = { cwd: new URL('..', import.meta.url), encoding: 'utf8', timeout: 20_000 } as const;
    const output = execFileSync(process.execPath, ['--no-enable-avx2', '--input-type=module', '-e', text], options);
    expect(output).toMatch(/^false 1 the ordinary build runs instead of the one for 256-bit vectors: a product was/);
  });
});

describe.skipIf(!HAS_FLAG)('the product for 256-bit vectors (a flag of Node 24)', () => {
  let backend: WasmBackend;
  beforeAll(async () => {
    setFlagsFromString('--no-liftoff'); // code that is not optimised has 128-bit vectors
    const heap = new Heap();
    backend = new WasmBackend(heap, await openPool(heap, { threads: 2, wide: true }));
  });
  afterAll(() => {
    backend.dispose();
    setFlagsFromString('--liftoff');
  });

  it.each([
    [1, 1, 1],
    [4, 8, 16],
    [5, 3, 17],
    [63, 65, 15],
    [64, 256, 192],
    [65, 257, 193],
    [3, 700, 1],
    [130, 1, 200],
    [1, 515, 385],
  ])('agrees with float64 at m=%i k=%i n=%i, added to C with gaps or not', (m, k, n) => {
    const { heap } = backend;
    const [a, b] = [random(m * k, 1), random(k * n, 2)];
    const strideC = n + 3;
    const upload = (values: Float32Array) => {
      const pointer = heap.allocate(values.byteLength);
      (heap.view(pointer, values.length, 'float32') as Float32Array).set(values);
      return pointer;
    };
    const [pointerA, pointerB, c] = [a, b, new Float32Array(m * strideC)].map(upload);
    for (const transpose of [false, true]) {
      for (const transposeB of [false, true]) {
        for (const accumulate of [false, true]) {
          const got = heap.view(c, m * strideC, 'float32').fill(1);
          const left = { pointer: pointerA, m, k, transpose, scale: 2 };
          multiply(backend, { a: left, b: pointerB, c, n, transposeB, strideC, accumulate });
          let worst = 0;
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < strideC; j++) {
              let want = j < n && !accumulate ? 0 : 1;
              for (let x = 0; x < k && j < n; x++) {
                want += 2 * a[transpose ? x * m + i : i * k + x] * b[transposeB ? j * k + x : x * n + j];
              }
              worst = Math.max(worst, Math.abs(got[i * strideC + j] - want));
            }
          }
          expect(worst).toBeLessThan(4e-6 * Math.sqrt(k) + 1e-6);
        }
      }
    }
    for (const pointer of [pointerA, pointerB, c]) heap.free(pointer);
  });
});
