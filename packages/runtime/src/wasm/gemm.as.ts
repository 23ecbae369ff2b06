/** @file f32 matrix product as pool tasks: pack the left operand once, then multiply block by block. */
import {
  KC, MR, NC, TILE_BYTES, multiplyPanels, packLeft as packRows, packLeftTransposed, packRight, packRightTransposed,
} from '../../assembly/gemm';

/** Panels of A that one packing task takes. */
const PACK_PANELS: i32 = 16;

/** Words of a call, in the order in which gemm.ts writes them. Leading dimensions in elements. */
@unmanaged
class Arguments {
  a: usize;
  b: usize;
  c: usize;
  packed: usize;
  m: i32;
  n: i32;
  k: i32;
  lda: i32;
  ldb: i32;
  ldc: i32;
  transposeA: i32;
  transposeB: i32;
  accumulate: i32;
  scale: f32;
  /** Rows of C that one task computes; a multiple of 4. */
  chunk: i32;
}

/** Task: 16 panels of A over all of K, written as [k block][panel][k][4]. */
export function packLeft(args: usize, task: u32, scratch: usize): void {
  const j = changetype<Arguments>(args);
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

/** Task: rows `chunk` x columns NC of C, over all of K. */
export function multiply(args: usize, task: u32, scratch: usize): void {
  const j = changetype<Arguments>(args);
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
