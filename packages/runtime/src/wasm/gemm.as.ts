/** @file f32 matrix product as pool tasks: pack the left operand once, then multiply block by block. */
import { roundRow } from '../../assembly/bf16';
import { addRow, dotRow, storeRow } from '../../assembly/few';
import {
  KC, MR, NC, TILE_BYTES, multiplyPanels, packLeft as packRows, packLeftTransposed, packRight, packRightTransposed,
} from '../../assembly/gemm';

/** Panels of A that one packing task takes. */
const PACK_PANELS: i32 = 16;
/** Columns of C that one task of the products of few rows takes. */
const FEW_COLUMNS: i32 = 128;

/** Rows that one rounding task takes. */
const ROUND_ROWS: i32 = 16;

/** A is [m, k], stored as [k, m] when transposed. Leading dimensions in elements. */
@unmanaged
class Packing {
  a: usize;
  packed: usize;
  m: i32;
  k: i32;
  lda: i32;
  transposeA: i32;
  scale: f32;
}

/** C [m, n] = packed A times B. */
@unmanaged
class Blocks {
  packed: usize;
  b: usize;
  c: usize;
  m: i32;
  n: i32;
  k: i32;
  ldb: i32;
  ldc: i32;
  transposeB: i32;
  accumulate: i32;
  /** Rows of C that one task computes; a multiple of 4. */
  chunk: i32;
}

/** C [m, n] = scale A B for a few rows of A, as it lies. */
@unmanaged
class FewRows {
  a: usize;
  b: usize;
  c: usize;
  m: i32;
  n: i32;
  k: i32;
  lda: i32;
  ldb: i32;
  ldc: i32;
  accumulate: i32;
  scale: f32;
}

/** Task: 16 panels of A over all of K, written as [k block][panel][k][4]. */
export function packLeft(j: Packing, task: u32, scratch: usize): void {
  const panels = (j.m + MR - 1) / MR;
  const first = <i32>task * PACK_PANELS;
  const row = first * MR;
  const rows = min(PACK_PANELS * MR, j.m - row);
  const ld = <usize>j.lda << 2;
  for (let k = 0; k < j.k; k += KC) {
    const kc = min(KC, j.k - k);
    const target = j.packed + ((<usize>k * panels + <usize>first * kc) << 4);
    if (j.transposeA) packLeftTransposed(j.a + <usize>k * ld + (<usize>row << 2), ld, rows, kc, target, j.scale);
    else packRows(j.a + <usize>row * ld + (<usize>k << 2), ld, rows, kc, target, j.scale);
  }
}

/** `m` rows of `k` floats, `lda` elements apart. */
@unmanaged
class Rounding {
  a: usize;
  rounded: usize;
  m: i32;
  k: i32;
  lda: i32;
}

/** Task: 16 rows, written as bfloat16 without a gap. */
export function roundRows(j: Rounding, task: u32, scratch: usize): void {
  const first = <i32>task * ROUND_ROWS;
  const end = min(first + ROUND_ROWS, j.m);
  for (let row = first; row < end; row++) {
    roundRow(j.a + (<usize>row * j.lda << 2), j.rounded + (<usize>row * j.k << 1), j.k);
  }
}

/** Task: rows `chunk` x columns NC of C, over all of K. */
export function multiply(j: Blocks, task: u32, scratch: usize): void {
  const panels = (j.m + MR - 1) / MR;
  const chunks = (j.m + j.chunk - 1) / j.chunk;
  const row = (<i32>task % chunks) * j.chunk;
  const column = (<i32>task / chunks) * NC;
  const rows = min(j.chunk, j.m - row);
  const cols = min(NC, j.n - column);
  const ldb = <usize>j.ldb << 2;
  const ldc = <usize>j.ldc << 2;
  const block = scratch + TILE_BYTES;
  const c = j.c + <usize>row * ldc + (<usize>column << 2);
  for (let k = 0; k < j.k; k += KC) {
    const kc = min(KC, j.k - k);
    if (j.transposeB) packRightTransposed(j.b + <usize>column * ldb + (<usize>k << 2), ldb, kc, cols, block);
    else packRight(j.b + <usize>k * ldb + (<usize>column << 2), ldb, kc, cols, block);
    const a = j.packed + ((<usize>k * panels + <usize>(row / MR) * kc) << 4);
    multiplyPanels(a, block, c, ldc, rows, cols, kc, k > 0 || j.accumulate != 0, scratch);
  }
}

/** Task: 128 columns of C = A B^T for a few rows of A, B [n, k]: B is read once, as it lies. */
export function multiplyFewTransposed(j: FewRows, task: u32, scratch: usize): void {
  const first = <i32>task * FEW_COLUMNS;
  const end = min(first + FEW_COLUMNS, j.n);
  const bytes = <usize>j.k << 2;
  for (let column = first; column < end; column++) {
    const b = j.b + ((<usize>column * j.ldb) << 2);
    for (let row = 0; row < j.m; row++) {
      const sum = dotRow(j.a + ((<usize>row * j.lda) << 2), b, bytes) * j.scale;
      const c = j.c + ((<usize>row * j.ldc + column) << 2);
      store<f32>(c, j.accumulate ? load<f32>(c) + sum : sum);
    }
  }
}

/** Task: 128 columns of C = A B for a few rows of A, B [k, n]: adds row by row of B to sums in scratch. */
export function multiplyFew(j: FewRows, task: u32, scratch: usize): void {
  const first = <i32>task * FEW_COLUMNS;
  const bytes = <usize>min(FEW_COLUMNS, j.n - first) << 2;
  const ld = <usize>j.ldb << 2;
  memory.fill(scratch, 0, <usize>(j.m * FEW_COLUMNS) << 2);
  let b = j.b + (<usize>first << 2);
  for (let k = 0; k < j.k; k++) {
    for (let row = 0; row < j.m; row++) {
      const value = load<f32>(j.a + ((<usize>row * j.lda + k) << 2)) * j.scale;
      addRow(scratch + (<usize>(row * FEW_COLUMNS) << 2), value, b, bytes);
    }
    b += ld;
  }
  for (let row = 0; row < j.m; row++) {
    const c = j.c + ((<usize>row * j.ldc + first) << 2);
    storeRow(scratch + (<usize>(row * FEW_COLUMNS) << 2), c, bytes, j.accumulate != 0);
  }
}
