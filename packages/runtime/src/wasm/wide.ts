/**
 * @file Checks whether the build for 256-bit vectors helps. WebAssembly has 128-bit vectors; an experimental V8 flag
 * pairs neighbouring instructions of optimised code. V8 guarantees neither the pairing nor its correctness, so both are
 * tested first.
 */
import { EngineError } from '../error.js';
import { WasmBackend } from './backend.js';
import { multiply } from './gemm.js';
import { Heap } from './heap.js';
import { nodeMajor } from './module.js';
import { Pool, type PoolOptions } from './pool.js';

const LEAST_NODE = 24;
/** A product with rows, columns and depth that do not fill tiles or blocks. */
const [M, N, K] = [193, 200, 520];
/** Time until V8 has optimised the product. */
const WARM_UP_MS = 150;
/** Least ratio of the two builds' times. */
const LEAST_GAIN = 1.1;
/** Sums of 520 products of values up to 1 differ by about a tenth of it. */
const TOLERANCE = 1e-4;
const HEAP_PAGES = 1024;

/** @throws EngineError when the flag is not available. */
export function requireWide(): void {
  const major = nodeMajor();
  if (major !== undefined && major >= LEAST_NODE) return;
  const here = major === undefined ? 'a browser' : `Node ${process.versions.node}`;
  throw new EngineError(
    'unavailable',
    `256-bit vectors (wide) need Node ${LEAST_NODE} or later, and this is ${here}: leave the option out`,
  );
}

/**
 * Compares a product of the build for 256-bit vectors with the ordinary one in time (half a second), and with the build
 * without relaxed SIMD in result.
 * @returns the reason against it, or undefined when it is faster and right.
 */
export function wideRefusal(): string | undefined {
  const ordinary = new Trial({});
  ordinary.fastest(WARM_UP_MS); // optimised without the flag
  const wide = new Trial({ wide: true });
  const plain = new Trial({ relaxed: false });
  try {
    wide.fastest(WARM_UP_MS);
    const times = [0, 1, 2, 3].map(() => [ordinary.fastest(20), wide.fastest(20)]);
    const [before, after] = [0, 1].map((i) => Math.min(...times.map((pair) => pair[i])));
    const unused = 'the ordinary build runs instead of the one for 256-bit vectors';
    if (!(before / after >= LEAST_GAIN)) {
      return `${unused}: a product was ${(before / after).toFixed(2)} times as fast, less than ${LEAST_GAIN}`;
    }
    for (const transposeB of [false, true]) {
      const want = plain.product(transposeB);
      const error = wide.product(transposeB).reduce((most, x, i) => Math.max(most, Math.abs(x - want[i])), 0);
      if (!(error <= TOLERANCE)) return `${unused}: a product was wrong by ${error}`;
    }
    return undefined;
  } finally {
    wide.dispose();
  }
}

/** One product on one thread and a heap of its own. */
class Trial {
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
    multiply(this.backend, { a: { pointer: this.a, m: M, k: K }, b: this.b, c: this.c, n: N, transposeB });
  }
}
