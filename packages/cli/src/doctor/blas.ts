/** @file What `arena doctor` finds of native libraries for engine `wasm`: which are used, and how fast they are. */
import { type Engine, openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';
import { matMul, type Tensor, tidy, zeros } from '@tensorflow/tfjs-core';

/** Native libraries of large products. */
export interface BlasReport {
  /** Rate of engine `wasm` without a library, in GFLOP/s. */
  withoutGflops: number;
  float32: Found;
  /** For `--bf16`. */
  bfloat16: Found;
}

/** A library in use, or why there is none. */
type Found = { name: string; path: string; gflops?: number } | { why: string };

/** Rows, columns and depth of the product that is timed. */
const SIZE = 1024;
const ROUNDS = 5;

/** Opens the libraries as `--blas auto` does, and times a product. */
export async function inspectBlas(): Promise<BlasReport> {
  const plain = await openEngine('wasm');
  const withoutGflops = rate();
  plain.dispose();
  return { withoutGflops, float32: await find(false), bfloat16: await find(true) };
}

async function find(bf16: boolean): Promise<Found> {
  let engine: Engine;
  try {
    engine = await openEngine('wasm', { blas: await openBlas({ bf16 }) });
  } catch (error) {
    return { why: (error as Error).message };
  }
  try {
    if (!engine.blas) return { why: engine.notes.join('; ') };
    const { name, path } = engine.blas;
    return bf16 ? { name, path } : { name, path, gflops: rate() };
  } finally {
    engine.dispose();
  }
}

/** GFLOP/s of the fastest of some products on the open engine. */
function rate(): number {
  const [a, b]: Tensor[] = [zeros([SIZE, SIZE]), zeros([SIZE, SIZE])];
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    tidy(() => void matMul(a, b, false, true));
    return performance.now() - start;
  });
  a.dispose();
  b.dispose();
  return Math.round((2 * SIZE ** 3) / Math.min(...times) / 1e6);
}

/** Lines for a terminal. */
export function blasLines({ withoutGflops, float32, bfloat16 }: BlasReport): string[] {
  const products =
    'why' in float32
      ? `no: ${float32.why}`
      : `${float32.name} (${float32.path}): ${float32.gflops} GFLOP/s, ${withoutGflops} without it`;
  const halves = 'why' in bfloat16 ? `no --bf16: ${bfloat16.why}` : `${bfloat16.name} (${bfloat16.path}) for --bf16`;
  return [`blas       ${products}`, `blas       ${halves}`];
}
