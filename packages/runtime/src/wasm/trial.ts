/** @file A product that tries out an engine before it is used. */
import { WasmBackend } from './backend.js';
import { multiply, packLeft, roundRows } from './gemm.js';
import { Heap } from './heap.js';
import { multiplyNative } from './native-gemm.js';
import { Pool, type PoolOptions } from './pool.js';

/** A product with rows, columns and depth that do not fill tiles or blocks. */
const [M, N, K] = [193, 200, 520];
/** Sums of 520 products of values up to 1 differ by about a tenth of it. */
export const TRIAL_TOLERANCE = 1e-4;
const HEAP_PAGES = 1024;

/** One product on one thread and a heap of its own. With `bf16` of a native library, its factors are rounded. */
export class Trial {
  private readonly backend: WasmBackend;
  private readonly a: number;
  private readonly b: number;
  private readonly c: number;

  constructor(options: PoolOptions) {
    const heap = new Heap({ maxPages: HEAP_PAGES });
    this.backend = new WasmBackend(heap, new Pool(heap, options));
    const upload = (length: number) => {
      const pointer = heap.allocate(4 * length);
      heap.view(pointer, length, 'float32').set(Float32Array.from({ length }, (_, i) => Math.sin(i)));
      return pointer;
    };
    [this.a, this.b, this.c] = [M * K, K * N, M * N].map(upload);
  }

  /** Milliseconds of the fastest product within a time. */
  fastest(budget: number): number {
    let least = Number.POSITIVE_INFINITY;
    const end = performance.now() + budget;
    for (let start = performance.now(); start < end; ) {
      this.multiply(false);
      const now = performance.now();
      least = Math.min(least, now - start);
      start = now;
    }
    return least;
  }

  product(transposeB: boolean): Float32Array {
    this.multiply(transposeB);
    return this.backend.heap.view(this.c, M * N, 'float32') as Float32Array;
  }

  dispose(): void {
    this.backend.dispose();
  }

  private multiply(transposeB: boolean): void {
    const { backend } = this;
    const a = { pointer: this.a, m: M, k: K };
    if (!backend.pool.native?.bf16) {
      multiply(backend, { a, b: this.b, c: this.c, n: N, transposeB });
      return;
    }
    const [rows, columns] = transposeB ? [N, K] : [K, N];
    const packed = packLeft(backend, a);
    backend.withMemory(2 * N * K, (b) => {
      roundRows(backend, { from: this.b, to: b, rows, columns });
      const halves = { pointer: packed.halves(), m: M, k: K };
      multiplyNative(backend, { a: halves, b, c: this.c, n: N, transposeB, half: true });
    });
    packed.free();
  }
}
