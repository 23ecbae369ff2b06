/**
 * @file Products with a 4-bit matrix W [outFeatures, inFeatures]. The packed-panel product of runtime's assembly, with
 * the packing of W replaced by its dequantisation.
 */
import { KC, MR, NC, NR, STEP, TILE_BYTES, multiplyPanels } from '@arena/runtime/assembly/gemm';
import { lookup, madd, sum4 } from '@arena/runtime/assembly/simd';
import { Weight, absmaxOf, expand, valueOf } from './weight.as';

/** Rows of W that one task of {@link multiplyRows} takes. */
const ROWS: i32 = 64;
/** Columns of W that one task of {@link multiplyColumns} takes: fewer would jump through memory row by row. */
const COLUMNS: i32 = 1152;

/** Words of a product, as wasm.ts declares them. */
@unmanaged
class Product extends Weight {
  /** Packed left operand of multiply; plain rows of x for multiplyRows. */
  a: usize;
  c: usize;
  m: i32;
  /** Rows of C that one task computes; a multiple of 4. */
  chunk: i32;
  accumulate: i32;
  transposed: i32;
}

/**
 * Packs W^T [kc, cols]: panels of NR rows of W. Four rows are transposed as bytes first, so that one look-up gives four
 * floats for each of four k. Rows past the end repeat the last one; their columns of C are never stored.
 */
function packForward(w: Product, row: i32, cols: i32, k: i32, kc: i32, target: usize): void {
  const p0 = v128.load(w.tables, 64);
  const p1 = v128.load(w.tables, 80);
  const p2 = v128.load(w.tables, 96);
  const p3 = v128.load(w.tables, 112);
  const low = i8x16.splat(15);
  const last = w.outFeatures - 1;
  const width = <u32>w.inFeatures;
  for (let j = 0; j < cols; j += NR) {
    for (let x = 0; x < NR; x += 4) {
      const first = row + j + x;
      const f0 = <u32>min(first, last) * width + k;
      const f1 = <u32>min(first + 1, last) * width + k;
      const f2 = <u32>min(first + 2, last) * width + k;
      const f3 = <u32>min(first + 3, last) * width + k;
      let to = target + (<usize>x << 2);
      for (let i: u32 = 0; i < <u32>kc; i += 64) {
        let scale = f32x4.splat(absmaxOf(w, (f0 + i) >> w.blockShift));
        scale = f32x4.replace_lane(scale, 1, absmaxOf(w, (f1 + i) >> w.blockShift));
        scale = f32x4.replace_lane(scale, 2, absmaxOf(w, (f2 + i) >> w.blockShift));
        scale = f32x4.replace_lane(scale, 3, absmaxOf(w, (f3 + i) >> w.blockShift));
        for (let h: u32 = 0; h < 64; h += 32) {
          const r0 = v128.load(w.codes + ((f0 + i + h) >> 1));
          const r1 = v128.load(w.codes + ((f1 + i + h) >> 1));
          const r2 = v128.load(w.codes + ((f2 + i + h) >> 1));
          const r3 = v128.load(w.codes + ((f3 + i + h) >> 1));
          const l01 = v128.shuffle<i8>(r0, r1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
          const h01 = v128.shuffle<i8>(r0, r1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
          const l23 = v128.shuffle<i8>(r2, r3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
          const h23 = v128.shuffle<i8>(r2, r3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
          let q = v128.shuffle<i16>(l01, l23, 0, 8, 1, 9, 2, 10, 3, 11);
          expand(p0, p1, p2, p3, i8x16.shr_u(q, 4), scale, to, to + 2 * STEP, to + 4 * STEP, to + 6 * STEP);
          expand(p0, p1, p2, p3, v128.and(q, low), scale, to + STEP, to + 3 * STEP, to + 5 * STEP, to + 7 * STEP);
          q = v128.shuffle<i16>(l01, l23, 4, 12, 5, 13, 6, 14, 7, 15);
          expand(p0, p1, p2, p3, i8x16.shr_u(q, 4), scale, to + 8 * STEP, to + 10 * STEP, to + 12 * STEP, to + 14 * STEP);
          expand(p0, p1, p2, p3, v128.and(q, low), scale, to + 9 * STEP, to + 11 * STEP, to + 13 * STEP, to + 15 * STEP);
          q = v128.shuffle<i16>(h01, h23, 0, 8, 1, 9, 2, 10, 3, 11);
          expand(p0, p1, p2, p3, i8x16.shr_u(q, 4), scale, to + 16 * STEP, to + 18 * STEP, to + 20 * STEP, to + 22 * STEP);
          expand(p0, p1, p2, p3, v128.and(q, low), scale, to + 17 * STEP, to + 19 * STEP, to + 21 * STEP, to + 23 * STEP);
          q = v128.shuffle<i16>(h01, h23, 4, 12, 5, 13, 6, 14, 7, 15);
          expand(p0, p1, p2, p3, i8x16.shr_u(q, 4), scale, to + 24 * STEP, to + 26 * STEP, to + 28 * STEP, to + 30 * STEP);
          expand(p0, p1, p2, p3, v128.and(q, low), scale, to + 25 * STEP, to + 27 * STEP, to + 29 * STEP, to + 31 * STEP);
          to += 32 * STEP;
        }
      }
    }
    target += <usize>kc * STEP;
  }
}

/** Packs W [kc rows, cols]: panels of NR columns of W, in their natural order. */
function packBackward(w: Product, row: i32, kc: i32, column: i32, cols: i32, target: usize): void {
  const p0 = v128.load(w.tables, 64);
  const p1 = v128.load(w.tables, 80);
  const p2 = v128.load(w.tables, 96);
  const p3 = v128.load(w.tables, 112);
  const low = i8x16.splat(15);
  const panel = <usize>kc * STEP;
  // 16 columns are two panels of 8 or one of 16
  const second = NR == 8 ? panel : 32;
  const next = NR == 8 ? 2 * panel : panel;
  for (let k = 0; k < kc; k++) {
    let flat = <u32>(row + k) * <u32>w.inFeatures + column;
    let to = target + <usize>k * STEP;
    for (let j = 0; j < cols; j += 32) {
      const q = v128.load(w.codes + (flat >> 1));
      const scale = f32x4.splat(absmaxOf(w, flat >> w.blockShift));
      const high = i8x16.shr_u(q, 4);
      const rest = v128.and(q, low);
      let codes = v128.shuffle<i8>(high, rest, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      expand(p0, p1, p2, p3, codes, scale, to, to + 16, to + second, to + second + 16);
      to += next;
      codes = v128.shuffle<i8>(high, rest, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      expand(p0, p1, p2, p3, codes, scale, to, to + 16, to + second, to + second + 16);
      to += next;
      flat += 32;
    }
  }
}

/** Packs a block value by value: widths that are no multiple of 64, blocks of 32. */
function packAny(w: Product, column: i32, cols: i32, k: i32, kc: i32, target: usize): void {
  for (let j = 0; j < cols; j += NR) {
    for (let i = 0; i < kc; i++) {
      for (let x = 0; x < NR; x++) {
        const c = column + j + x;
        let value: f32 = 0;
        if (j + x < cols) value = valueOf(w, w.transposed ? (k + i) * w.inFeatures + c : c * w.inFeatures + k + i);
        store<f32>(target + (<usize>x << 2), value);
      }
      target += STEP;
    }
  }
}

/** Task: rows `chunk` x columns NC of C, over all of the depth. C = A W^T, or A W when transposed. */
export function multiply4bit(w: Product, task: u32, scratch: usize): void {
  const n = w.transposed ? w.inFeatures : w.outFeatures;
  const depth = w.transposed ? w.outFeatures : w.inFeatures;
  const panels = (w.m + MR - 1) / MR;
  const chunks = (w.m + w.chunk - 1) / w.chunk;
  const row = (<i32>task % chunks) * w.chunk;
  const column = (<i32>task / chunks) * NC;
  const rows = min(w.chunk, w.m - row);
  const cols = min(NC, n - column);
  const ldc = <usize>n << 2;
  const block = scratch + TILE_BYTES;
  const c = w.c + <usize>row * ldc + (<usize>column << 2);
  for (let k = 0; k < depth; k += KC) {
    const kc = min(KC, depth - k);
    if (!w.aligned) packAny(w, column, cols, k, kc, block);
    else if (w.transposed) packBackward(w, k, kc, column, cols, block);
    else packForward(w, column, cols, k, kc, block);
    const a = w.a + ((<usize>k * panels + <usize>(row / MR) * kc) << 4);
    multiplyPanels(a, block, c, ldc, rows, cols, kc, k > 0 || w.accumulate != 0, scratch);
  }
}

/** acc + the sum over 4 vectors of 16 values (as {@link expand} makes them, unscaled) times the 16 floats at x. */
// @ts-ignore: decorator
@inline
function dot16(p0: v128, p1: v128, p2: v128, p3: v128, codes: v128, x: usize, acc: v128): v128 {
  const b0 = lookup(p0, codes);
  const b1 = lookup(p1, codes);
  const b2 = lookup(p2, codes);
  const b3 = lookup(p3, codes);
  const l01 = v128.shuffle<i8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h01 = v128.shuffle<i8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const l23 = v128.shuffle<i8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h23 = v128.shuffle<i8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  acc = madd(v128.shuffle<i16>(l01, l23, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(x), acc);
  acc = madd(v128.shuffle<i16>(l01, l23, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(x, 16), acc);
  acc = madd(v128.shuffle<i16>(h01, h23, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(x, 32), acc);
  return madd(v128.shuffle<i16>(h01, h23, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(x, 48), acc);
}

/**
 * Task: 64 rows of W times each of a few rows of x, so that W stays in the first-level cache between them. x comes with
 * the even and odd values of every 32 apart, as a byte's high and low nibbles give them. Aligned weights, not transposed.
 */
export function multiplyRows(w: Product, task: u32, scratch: usize): void {
  const p0 = v128.load(w.tables, 64);
  const p1 = v128.load(w.tables, 80);
  const p2 = v128.load(w.tables, 96);
  const p3 = v128.load(w.tables, 112);
  const low = i8x16.splat(15);
  const width = <u32>w.inFeatures;
  const first = <i32>task * ROWS;
  const end = min(first + ROWS, w.outFeatures);
  for (let row = first; row < end; row++) {
    const flat = <u32>row * width;
    for (let m = 0; m < w.m; m++) {
      let x = w.a + ((<usize>m * width) << 2);
      let sum = f32x4.splat(0);
      for (let k: u32 = 0; k < width; k += 64) {
        const codes = w.codes + ((flat + k) >> 1);
        const q0 = v128.load(codes);
        const q1 = v128.load(codes, 16);
        const s0 = dot16(p0, p1, p2, p3, i8x16.shr_u(q0, 4), x, f32x4.splat(0));
        const s1 = dot16(p0, p1, p2, p3, v128.and(q0, low), x + 64, f32x4.splat(0));
        const s2 = dot16(p0, p1, p2, p3, i8x16.shr_u(q1, 4), x + 128, s0);
        const s3 = dot16(p0, p1, p2, p3, v128.and(q1, low), x + 192, s1);
        sum = madd(f32x4.add(s2, s3), f32x4.splat(absmaxOf(w, (flat + k) >> w.blockShift)), sum);
        x += 256;
      }
      const c = w.c + (<usize>(m * w.outFeatures + row) << 2);
      const value = sum4(sum);
      store<f32>(c, w.accumulate ? load<f32>(c) + value : value);
    }
  }
}

/**
 * Task: 1,152 columns of a few rows of x times W. Every row of W is dequantised once, 64 values at a time, and added to the
 * sums of each row of x; in the sums the even and odd values of every 32 are apart. Aligned weights.
 */
export function multiplyColumns(w: Product, task: u32, scratch: usize): void {
  const p0 = v128.load(w.tables, 64);
  const p1 = v128.load(w.tables, 80);
  const p2 = v128.load(w.tables, 96);
  const p3 = v128.load(w.tables, 112);
  const low = i8x16.splat(15);
  const first = <u32>task * COLUMNS;
  const end = min(first + COLUMNS, <u32>w.inFeatures);
  const sums = scratch + 256;
  memory.fill(sums, 0, <usize>(w.m * COLUMNS) << 2);
  for (let row: u32 = 0; row < <u32>w.outFeatures; row++) {
    const flat = row * <u32>w.inFeatures;
    for (let column = first; column < end; column += 64) {
      const codes = w.codes + ((flat + column) >> 1);
      const scale = f32x4.splat(absmaxOf(w, (flat + column) >> w.blockShift));
      for (let h: usize = 0; h < 32; h += 16) {
        const q = v128.load(codes + h);
        const to = scratch + 8 * h;
        expand(p0, p1, p2, p3, i8x16.shr_u(q, 4), scale, to, to + 16, to + 32, to + 48);
        expand(p0, p1, p2, p3, v128.and(q, low), scale, to + 64, to + 80, to + 96, to + 112);
      }
      for (let m = 0; m < w.m; m++) {
        const x = v128.load_splat<f32>(w.a + (<usize>(m * w.outFeatures + row) << 2));
        const sum = sums + ((<usize>m * COLUMNS + (column - first)) << 2);
        for (let i: usize = 0; i < 256; i += 64) {
          v128.store(sum + i, madd(x, v128.load(scratch + i), v128.load(sum + i)));
          v128.store(sum + i, madd(x, v128.load(scratch + i, 16), v128.load(sum + i, 16)), 16);
          v128.store(sum + i, madd(x, v128.load(scratch + i, 32), v128.load(sum + i, 32)), 32);
          v128.store(sum + i, madd(x, v128.load(scratch + i, 48), v128.load(sum + i, 48)), 48);
        }
      }
    }
  }
  for (let m = 0; m < w.m; m++) {
    let from = sums + (<usize>(m * COLUMNS) << 2);
    let to = w.c + ((<usize>m * w.inFeatures + first) << 2);
    for (let column = first; column < end; column += 32) {
      for (let i: usize = 0; i < 64; i += 16) {
        const even = v128.load(from + i);
        const odd = v128.load(from + i, 64);
        storeSum(w, to + 2 * i, v128.shuffle<i32>(even, odd, 0, 4, 1, 5));
        storeSum(w, to + 2 * i + 16, v128.shuffle<i32>(even, odd, 2, 6, 3, 7));
      }
      from += 128;
      to += 128;
    }
  }
}

// @ts-ignore: decorator
@inline
function storeSum(w: Product, to: usize, value: v128): void {
  v128.store(to, w.accumulate ? f32x4.add(v128.load(to), value) : value);
}

/** Splits every 32 values of x into the 16 even and the 16 odd ones. Task: one row of x, from `a` to `c`. */
export function splitEvenOdd(w: Product, task: u32, scratch: usize): void {
  const bytes = <usize>w.inFeatures << 2;
  let from = w.a + <usize>task * bytes;
  let to = w.c + <usize>task * bytes;
  const end = from + bytes;
  while (from < end) {
    for (let i: usize = 0; i < 64; i += 16) {
      const low = v128.load(from + 2 * i);
      const high = v128.load(from + 2 * i, 16);
      v128.store(to + i, v128.shuffle<i32>(low, high, 0, 2, 4, 6));
      v128.store(to + i, v128.shuffle<i32>(low, high, 1, 3, 5, 7), 64);
    }
    from += 128;
    to += 128;
  }
}
