/**
 * @file Matrix products by a native library, called from each of the pool's threads with one thread of its own. The
 * threads share a product by blocks of C, so the library starts no thread, and its sums do not depend on their number.
 */

/** A library of matrix products. It goes to worker threads as text and plain data. */
export interface NativeProducts {
  /** Name and version, such as `OpenBLAS 0.3.21`. */
  name: string;
  /** Path of the file. */
  path: string;
  /** Whether it multiplies bfloat16 factors, with sums in float32. */
  bf16: boolean;
  /** Path of the package koffi, for `require`. */
  koffi: string;
  /** Binds the library in a thread. Its text must stand alone: it may use its arguments and globals only. */
  bind: BindProduct;
  /** Argument of `bind`: plain data. */
  data: object;
}

/** koffi as far as threads use it. */
// biome-ignore lint/suspicious/noExplicitAny: koffi's functions have any signature
export type Koffi = any;

export type BindProduct = (koffi: Koffi, path: string, data: never) => NativeProduct;

/** C [m, n] = alpha A [m, k] B [k, n] + beta C in row-major order; addresses of the process, strides in elements. */
export type NativeProduct = (product: {
  /** Whether A and B are bfloat16. C is float32. */
  half: boolean;
  /** Whether A is stored as [k, m], and B as [n, k]. */
  transposeA: boolean;
  transposeB: boolean;
  m: number;
  n: number;
  k: number;
  alpha: number;
  a: number;
  lda: number;
  b: number;
  ldb: number;
  /** 0 or 1. */
  beta: number;
  c: number;
  ldc: number;
}) => void;

/** A product by the library: C (+)= alpha A B, with addresses in the engine's memory and strides in elements. */
export type NativeMatrices = {
  [word in 'a' | 'b' | 'c' | 'm' | 'n' | 'k' | 'lda' | 'ldb' | 'ldc']: number;
} & {
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
  alpha: number;
  half: boolean;
};

/** A product that the threads share: a task takes `rows` x `columns` of C. */
export type NativeCall = NativeMatrices & { rows: number; columns: number };

/** Words of chains of products for a thread: where each chain ends among the products, then the products. */
export function chainWords(chains: readonly (readonly NativeMatrices[])[]): number[] {
  let end = 0;
  const ends = [0, ...chains.map(({ length }) => (end += length))];
  return [
    ...ends,
    ...chains.flatMap((chain) =>
      chain.flatMap((product) => nativeWords({ ...product, rows: product.m, columns: product.n })),
    ),
  ];
}

/** The call's 32-bit words. */
export function nativeWords(call: NativeCall): number[] {
  const { a, b, c, m, n, k, lda, ldb, ldc, rows, columns } = call;
  const flags = [call.transposeA, call.transposeB, call.accumulate].map(Number);
  floats[0] = call.alpha;
  return [a, b, c, m, n, k, lda, ldb, ldc, ...flags, bits[0], Number(call.half), rows, columns]; // 64 bytes
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);

/** 4 GiB: what a WebAssembly memory reserves. */
const RESERVED = 2 ** 32;
const MADV_HUGEPAGE = 14;

/**
 * Lets Linux back the memory with pages of 2 MB where it waits for that advice: in a virtual machine the first touch of
 * 4 KB costs more than its use. It is advice: a failure changes nothing.
 */
export function useHugePages(koffi: Koffi, memory: WebAssembly.Memory): void {
  if (process.platform !== 'linux') return;
  try {
    const advise = koffi.load('libc.so.6').func('int madvise(int64, size_t, int)');
    advise(Number(koffi.address(new Uint8Array(memory.buffer))), RESERVED, MADV_HUGEPAGE);
  } catch {
    // a system without glibc
  }
}

/** Indices of a thread's kernels for the library. */
export const NATIVE_KERNELS = { blocks: 0, chains: 1 } as const;

/**
 * The kernels of a thread, `(args, task)` as WebAssembly's: a block of C, and a chain of whole products. Their text goes
 * into the worker's source, so it stands alone.
 */
export function nativeKernels(
  product: NativeProduct,
  koffi: Koffi,
  memory: WebAssembly.Memory,
): ((args: number, task: number) => void)[] {
  const base = Number(koffi.address(new Uint8Array(memory.buffer)));
  const block = (args: number, task: number) => {
    const words = new Uint32Array(memory.buffer, args, 16);
    const [a, b, c, m, n, k, lda, ldb, ldc, transposeA, transposeB, beta, , half, rows, columns] = words;
    const alpha = new Float32Array(memory.buffer, args + 48, 1)[0];
    const chunks = Math.ceil(m / rows);
    const row = (task % chunks) * rows;
    const column = Math.floor(task / chunks) * columns;
    const bytes = half ? 2 : 4;
    product({
      half: half === 1,
      transposeA: transposeA === 1,
      transposeB: transposeB === 1,
      m: Math.min(rows, m - row),
      n: Math.min(columns, n - column),
      k,
      alpha,
      a: base + a + bytes * row * (transposeA ? 1 : lda),
      lda,
      b: base + b + bytes * column * (transposeB ? ldb : 1),
      ldb,
      beta,
      c: base + c + 4 * (row * ldc + column),
      ldc,
    });
  };
  const chain = (args: number, task: number) => {
    const [ends, calls, bytes] = new Uint32Array(memory.buffer, args, 3);
    // another thread may have grown the memory: growing by nothing brings this thread's buffer up to date
    if (ends + bytes > memory.buffer.byteLength) memory.grow(0);
    const [first, end] = new Uint32Array(memory.buffer, ends + 4 * task, 2);
    for (let i = first; i < end; i++) block(calls + 64 * i, 0);
  };
  return [block, chain];
}
