/** @file Products by the pool's native library: of matrices, and of a weight that is widened panel by panel. */
import type { WasmBackend } from './backend.js';
import type { LeftOperand, PackedLeft, Product } from './gemm.js';

/** Fewest multiplications of a product for the library: below, WebAssembly's start is faster. */
const LEAST_WORK = 2 ** 17;
/** Rows of C of one task. */
const ROWS = 512;
/** Columns of C of one task: from 128, so that the library packs A seldom, to 256, so that threads end together. */
const [LEAST_COLUMNS, MOST_COLUMNS] = [128, 256];
/** Widths and panels of bfloat16 are multiples of it: oneDNN 2.6 ends the process at an odd depth. */
const HALF_STEP = 32;
/** Bytes of a panel of a weight. */
const PANEL_BYTES = 4 * 2 ** 20;

/** Whether the native library takes a product of m rows, n columns and depth k. */
export function nativeTakes({ pool }: WasmBackend, m: number, n: number, k: number): boolean {
  return pool.native !== undefined && m > 1 && m * n * k >= LEAST_WORK;
}

/** Columns of C of one task. They do not depend on the number of threads, so neither do the sums. */
function columnsOf(n: number): number {
  const blocks = Math.max(1, Math.min(4 * Math.ceil(n / (4 * MOST_COLUMNS)), Math.floor(n / LEAST_COLUMNS)));
  return Math.ceil(n / blocks / 32) * 32;
}

/** {@link Product} by the library. With `half`, A and B are bfloat16 at their addresses. */
export function multiplyNative(
  { pool }: WasmBackend,
  product: Omit<Product, 'a'> & { a: LeftOperand; half?: boolean },
): void {
  const { a, b, c, n, transposeB = false, strideB, strideC = n, accumulate = false, half = false } = product;
  const { pointer, m, k, transpose = false, stride = transpose ? m : k, scale = 1 } = a;
  pool.runNative({
    a: pointer,
    b,
    c,
    m,
    n,
    k,
    lda: stride,
    ldb: strideB ?? (transposeB ? k : n),
    ldc: strideC,
    transposeA: transpose,
    transposeB,
    accumulate,
    alpha: scale,
    half,
    rows: ROWS,
    columns: columnsOf(n),
  });
}

/** A product with a weight W [outFeatures, inFeatures] that is stored in few bits. */
export interface PanelProduct {
  /** [m, inFeatures], or [m, outFeatures] when transposed. */
  a: PackedLeft;
  shape: readonly [outFeatures: number, inFeatures: number];
  /** false: C = A W^T; true: C = A W. */
  transposed: boolean;
  /** Address of C [m, outFeatures], or [m, inFeatures] when transposed. */
  c: number;
  /** Adds to C instead of replacing it (default false). */
  accumulate?: boolean;
  /** Writes rows of W at an address without a gap, in float32, or as bfloat16 when `half`. */
  widen(rows: { first: number; count: number; to: number; half: boolean }): void;
}

/**
 * Runs a product with a weight by the native library: a panel of W, whole rows, is widened by all threads and multiplied
 * while it lies in the cache. With `bf16` of the library, both factors are bfloat16.
 * @returns false, without having done anything, where the library does not take it.
 */
export function multiplyPanels(backend: WasmBackend, product: PanelProduct): boolean {
  const { a, shape, transposed, c, accumulate = false, widen } = product;
  const [outFeatures, inFeatures] = shape;
  const { m } = a;
  if (!nativeTakes(backend, m, outFeatures, inFeatures)) return false;
  const half = backend.pool.native!.bf16 && inFeatures % HALF_STEP === 0 && outFeatures % HALF_STEP === 0;
  const bytes = half ? 2 : 4;
  const most = Math.max(HALF_STEP, Math.floor(PANEL_BYTES / (bytes * inFeatures)));
  const rows = Math.ceil(outFeatures / Math.ceil(outFeatures / most) / HALF_STEP) * HALF_STEP;
  const left = half ? { pointer: a.halves(), m, k: a.k } : a.source;
  backend.withMemory(bytes * rows * inFeatures, (panel) => {
    for (let first = 0; first < outFeatures; first += rows) {
      const count = Math.min(rows, outFeatures - first);
      widen({ first, count, to: panel, half });
      if (transposed) {
        const { stride = a.k } = left as LeftOperand;
        const part = { ...left, pointer: left.pointer + bytes * first, k: count, stride };
        multiplyNative(backend, { a: part, b: panel, c, n: inFeatures, accumulate: accumulate || first > 0, half });
      } else {
        const to = { c: c + 4 * first, n: count, strideC: outFeatures };
        multiplyNative(backend, { a: left, b: panel, ...to, transposeB: true, accumulate, half });
      }
    }
  });
  return true;
}
