/**
 * @file f32 matrix product on the pool: packs the left operand, then multiplies it block by block. A native library
 * takes the larger products where the pool has one.
 */
import type { WasmBackend } from './backend.js';
import { wasmKernel } from './kernel.js';
import { kernels } from './kernels.generated.js';
import { multiplyNative, nativeTakes } from './native-gemm.js';

const pack = wasmKernel({
  module: kernels,
  name: 'packLeft',
  inputs: ['a'],
  outputs: ['packed'],
  params: { m: 'i32', k: 'i32', lda: 'i32', transposeA: 'i32', scale: 'f32' },
});

const round = wasmKernel({
  module: kernels,
  name: 'roundRows',
  inputs: ['a'],
  outputs: ['rounded'],
  params: { m: 'i32', k: 'i32', lda: 'i32' },
});

const blocks = wasmKernel({
  module: kernels,
  name: 'multiply',
  inputs: ['packed', 'b'],
  outputs: ['c'],
  params: {
    m: 'i32',
    n: 'i32',
    k: 'i32',
    ldb: 'i32',
    ldc: 'i32',
    transposeB: 'i32',
    accumulate: 'i32',
    chunk: 'i32',
  },
});

const [few, fewTransposed] = (['multiplyFew', 'multiplyFewTransposed'] as const).map((name) =>
  wasmKernel({
    module: kernels,
    name,
    inputs: ['a', 'b'],
    outputs: ['c'],
    params: {
      m: 'i32',
      n: 'i32',
      k: 'i32',
      lda: 'i32',
      ldb: 'i32',
      ldc: 'i32',
      accumulate: 'i32',
      scale: 'f32',
    },
  }),
);

/** Columns of C of one task, depth of a block, and rows of a panel. */
const { NC, KC, MR } = blocks.constants;
/** Panels of one packing task. */
const { PACK_PANELS } = pack.constants;
/** Columns of C of one task in a product of few rows. */
const { FEW_COLUMNS } = few.constants;
/** Bytes of thread scratch for a tile of C. */
export const { TILE_BYTES } = blocks.constants;
/** Fewest rows of C of one task. With fewer, packing the block of B costs more than the product. */
const MIN_CHUNK = 64;
/** Most rows of A to multiply without packing: packing B would cost more than the product. */
export const FEW_ROWS = 3;
/** Bytes of thread scratch for a block of B and a tile of C. */
export const BLOCK_SCRATCH = 4 * KC * NC + TILE_BYTES;

/** The left operand A [m, k] of a product: its address and memory layout. */
export interface LeftOperand {
  pointer: number;
  m: number;
  k: number;
  /** true: stored as [k, m]. */
  transpose?: boolean;
  /** Elements from one stored row to the next (default: no gap). */
  stride?: number;
  /** Factor on A (default 1). */
  scale?: number;
}

/** A left operand in the forms that products take, each made at its first use. `free` it after its products. */
export interface PackedLeft {
  m: number;
  k: number;
  /** Its source. It must live as long. */
  source: LeftOperand;
  /** Address of its panels. */
  panels(): number;
  /** Address of its bfloat16 values [m, k]. @throws Error for a transposed or scaled source. */
  halves(): number;
  free(): void;
}

/** C [m, n] = A [m, k] B [k, n]. */
export interface Product {
  a: LeftOperand | PackedLeft;
  b: number;
  c: number;
  n: number;
  /** true: B is stored as [n, k]. */
  transposeB?: boolean;
  strideB?: number;
  strideC?: number;
  /** Adds to C instead of replacing it (default false). */
  accumulate?: boolean;
}

/** Division of a product of m rows and n columns: rows of a task (a multiple of 4) and the number of tasks. */
export function productTasks(m: number, n: number, threads: number): { chunk: number; tasks: number } {
  const blocks = Math.ceil(n / NC);
  const wanted = threads === 1 ? 1 : Math.ceil((4 * threads) / blocks);
  const chunk = Math.max(MIN_CHUNK, Math.ceil(m / wanted / MR) * MR);
  return { chunk, tasks: blocks * Math.ceil(m / chunk) };
}

/** Packs A for {@link multiply}. Pack once where several products share A. */
export function packLeft(backend: WasmBackend, source: LeftOperand): PackedLeft {
  const { m, k } = source;
  const { heap } = backend;
  let panels: number | undefined;
  let halves: number | undefined;
  return {
    m,
    k,
    source,
    panels: () => (panels ??= panelsOf(backend, source)),
    halves: () => (halves ??= halvesOf(backend, source)),
    free() {
      if (panels !== undefined) heap.free(panels);
      if (halves !== undefined) heap.free(halves);
    },
  };
}

function panelsOf(backend: WasmBackend, a: LeftOperand): number {
  const { m, k, transpose = false, stride = transpose ? m : k, scale = 1 } = a;
  const panels = Math.ceil(m / MR);
  const pointer = backend.heap.allocate(4 * MR * panels * k);
  backend.run(pack, {
    inputs: { a: a.pointer },
    outputs: { packed: pointer },
    params: { m, k, lda: stride, transposeA: Number(transpose), scale },
    tasks: Math.ceil(panels / PACK_PANELS),
  });
  return pointer;
}

function halvesOf(backend: WasmBackend, { pointer, m, k, transpose, stride = k, scale = 1 }: LeftOperand): number {
  if (transpose || scale !== 1) throw new Error('a transposed or scaled left operand has no bfloat16 form');
  const halves = backend.heap.allocate(2 * m * k);
  roundRows(backend, { from: pointer, to: halves, rows: m, columns: k, stride });
  return halves;
}

/** Writes rows of floats as bfloat16 without a gap. The floats are finite. */
export function roundRows(
  backend: WasmBackend,
  {
    from,
    to,
    rows,
    columns,
    stride = columns,
  }: { from: number; to: number; rows: number; columns: number; stride?: number },
): void {
  backend.run(round, {
    inputs: { a: from },
    outputs: { rounded: to },
    params: { m: rows, k: columns, lda: stride },
    tasks: Math.ceil(rows / round.constants.ROUND_ROWS),
  });
}

/**
 * Runs a product. Each element is summed over k in one fixed order, whatever the number of threads.
 */
export function multiply(backend: WasmBackend, product: Product): void {
  const { a, b, c, n, transposeB = false, strideC = n, accumulate = false } = product;
  const { m, k } = a;
  if (m === 0 || n === 0) return;
  if (k === 0) {
    if (!accumulate) for (let row = 0; row < m; row++) backend.heap.view(c + 4 * row * strideC, n, 'float32').fill(0);
    return;
  }
  const strideB = product.strideB ?? (transposeB ? k : n);
  const source = 'free' in a ? a.source : a;
  if (m <= FEW_ROWS && !source.transpose) {
    const { pointer, stride = k, scale = 1 } = source;
    backend.run(transposeB ? fewTransposed : few, {
      inputs: { a: pointer, b },
      outputs: { c },
      params: { m, n, k, lda: stride, ldb: strideB, ldc: strideC, accumulate: Number(accumulate), scale },
      tasks: Math.ceil(n / FEW_COLUMNS),
      scratch: 4 * FEW_ROWS * FEW_COLUMNS,
    });
    return;
  }
  if (nativeTakes(backend, m, n, k)) {
    multiplyNative(backend, { ...product, a: source });
    return;
  }
  const packed = 'free' in a ? a : packLeft(backend, a);
  try {
    const { chunk, tasks } = productTasks(m, n, backend.pool.threads);
    backend.run(blocks, {
      inputs: { packed: packed.panels(), b },
      outputs: { c },
      params: {
        m,
        n,
        k,
        ldb: strideB,
        ldc: strideC,
        transposeB: Number(transposeB),
        accumulate: Number(accumulate),
        chunk,
      },
      tasks,
      scratch: BLOCK_SCRATCH,
    });
  } finally {
    if (packed !== a) packed.free();
  }
}
