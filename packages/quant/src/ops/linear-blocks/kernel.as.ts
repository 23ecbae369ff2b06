/**
 * @file Products with a matrix W [outFeatures, inFeatures] in blocks of ggml. The packed-panel product of runtime's
 * assembly, with the packing of W replaced by widening 32 values at a time. A value is scale q - minimum; scale q is exact
 * in float32, so it is the one of gguf-py, bit for bit, and the product is that of the widened matrix.
 */
import { roundRow } from '@arena/runtime/assembly/bf16';
import { addRow, dotRow, storeRow } from '@arena/runtime/assembly/few';
import { KC, MR, NC, NR, STEP, TILE_BYTES, multiplyPanels, packRightTransposed } from '@arena/runtime/assembly/gemm';

/** Rows of W that one task of {@link multiplyBlockRows} takes. */
const BLOCK_ROWS: i32 = 64;
/** Columns of W that one task of {@link multiplyBlockColumns} takes: one of the longest blocks. */
const BLOCK_COLUMNS: i32 = 256;

/** Rows of W that one task of {@link widenBlocks} takes. */
const WIDEN_ROWS: i32 = 16;

/** Numbers of the types in {@link Weight}.type; wasm.ts reads them by name. */
const Q4_0: i32 = 0;
const Q4_1: i32 = 1;
const Q5_0: i32 = 2;
const Q5_1: i32 = 3;
const Q8_0: i32 = 4;
const Q4_K: i32 = 5;
const Q5_K: i32 = 6;
const Q6_K: i32 = 7;

/** Words of the weight in a call, as wasm.ts declares them. */
@unmanaged
class Weight {
  blocks: usize;
  type: i32;
  /** Bytes of a row of W. */
  rowBytes: i32;
  inFeatures: i32;
  outFeatures: i32;
}

/** Words of a product. */
@unmanaged
class Product extends Weight {
  /** Packed left operand of multiplyBlocks; plain rows of x for the products of few rows. */
  a: usize;
  c: usize;
  m: i32;
  /** Elements from one row of x to the next, and the factor on x; for few rows alone. */
  lda: i32;
  scale: f32;
  /** Rows of C that one task computes; a multiple of 4. */
  chunk: i32;
  accumulate: i32;
  transposed: i32;
}

/** Words of a widening: `rows` rows of W from row `first` on. */
@unmanaged
class Widening extends Weight {
  to: usize;
  first: i32;
  rows: i32;
  /** Whether to write bfloat16. */
  half: i32;
}

/** The float16 at `p`, which is finite: its bits with the exponent put right by a factor, exact for subnormals too. */
// @ts-ignore: decorator
@inline
function half(p: usize): f32 {
  const bits = <u32>load<u16>(p);
  return reinterpret<f32>(((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13)) * reinterpret<f32>(0x77800000);
}

/** Writes scale q - minimum for 16 signed bytes q, eight values at `to` and eight at `to + second`. */
// @ts-ignore: decorator
@inline
function store16(q: v128, scale: v128, minimum: v128, to: usize, second: usize): void {
  const low = i16x8.extend_low_i8x16_s(q);
  const high = i16x8.extend_high_i8x16_s(q);
  store4(i32x4.extend_low_i16x8_s(low), scale, minimum, to);
  store4(i32x4.extend_high_i16x8_s(low), scale, minimum, to + 16);
  store4(i32x4.extend_low_i16x8_s(high), scale, minimum, to + second);
  store4(i32x4.extend_high_i16x8_s(high), scale, minimum, to + second + 16);
}

// @ts-ignore: decorator
@inline
function store4(q: v128, scale: v128, minimum: v128, to: usize): void {
  v128.store(to, f32x4.sub(f32x4.mul(f32x4.convert_i32x4_s(q), scale), minimum));
}

/** 16 where the value's bit of the 16 bits at `p` is set, else 0. */
// @ts-ignore: decorator
@inline
function fifth16(p: usize): v128 {
  const bytes = v128.load16_splat(p);
  const each = v128.shuffle<i8>(bytes, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return v128.and(i8x16.eq(v128.and(each, bit), bit), i8x16.splat(16));
}

/** Q8_0: 34 bytes. d q */
function widenQ8(p: usize, to: usize, second: usize, next: usize): void {
  const scale = f32x4.splat(half(p));
  const none = f32x4.splat(0);
  store16(v128.load(p, 2), scale, none, to, second);
  store16(v128.load(p, 18), scale, none, to + next, second);
}

/** Q4_0, Q4_1, Q5_0, Q5_1: d (q - 8), d q + m, d (q - 16), d q + m. First the low nibbles, then the high ones. */
function widenNibbles(type: i32, p: usize, to: usize, second: usize, next: usize): void {
  const scale = f32x4.splat(half(p));
  let minimum = f32x4.splat(0);
  let zero = i8x16.splat(type == Q4_0 ? 8 : type == Q5_0 ? 16 : 0);
  p += 2;
  if (type == Q4_1 || type == Q5_1) {
    minimum = f32x4.splat(-half(p));
    p += 2;
  }
  let low = i8x16.splat(0);
  let high = i8x16.splat(0);
  if (type == Q5_0 || type == Q5_1) {
    low = fifth16(p);
    high = fifth16(p + 2);
    p += 4;
  }
  const pairs = v128.load(p);
  low = v128.or(low, v128.and(pairs, i8x16.splat(15)));
  high = v128.or(high, i8x16.shr_u(pairs, 4));
  store16(i8x16.sub(low, zero), scale, minimum, to, second);
  store16(i8x16.sub(high, zero), scale, minimum, to + next, second);
}

/** Group j of Q4_K (144 bytes) or Q5_K (176): d sc q - dmin m, with sc and m of 6 bits for each 32 values. */
function widenK(isFive: bool, p: usize, j: i32, to: usize, second: usize, next: usize): void {
  const s = p + 4;
  let sc: i32;
  let m: i32;
  if (j < 4) {
    sc = <i32>load<u8>(s + j) & 63;
    m = <i32>load<u8>(s + j, 4) & 63;
  } else {
    const rest = <i32>load<u8>(s + j, 4);
    sc = (rest & 15) | ((<i32>load<u8>(s + j - 4) >> 2) & 48);
    m = (rest >> 4) | ((<i32>load<u8>(s + j) >> 2) & 48);
  }
  const scale = f32x4.splat(half(p) * <f32>sc);
  const minimum = f32x4.splat(half(p + 2) * <f32>m);
  const pairs = p + (isFive ? 48 : 16) + (<usize>(j >> 1) << 5);
  const shift = (j & 1) << 2;
  const low = i8x16.splat(15);
  let q0 = v128.and(i8x16.shr_u(v128.load(pairs), shift), low);
  let q1 = v128.and(i8x16.shr_u(v128.load(pairs, 16), shift), low);
  if (isFive) {
    const one = i8x16.splat(1);
    q0 = v128.or(q0, i8x16.shl(v128.and(i8x16.shr_u(v128.load(p, 16), j), one), 4));
    q1 = v128.or(q1, i8x16.shl(v128.and(i8x16.shr_u(v128.load(p, 32), j), one), 4));
  }
  store16(q0, scale, minimum, to, second);
  store16(q1, scale, minimum, to + next, second);
}

/** Group j of Q6_K (210 bytes): d sc (q - 32), with a signed sc for each 16 values. */
function widenQ6(p: usize, j: i32, to: usize, second: usize, next: usize): void {
  const d = half(p + 208);
  const side = <usize>(j >> 2);
  const four = p + (side << 6) + (<usize>(j & 1) << 5);
  const two = p + 128 + (side << 5);
  const fourShift = (j & 2) << 1;
  const twoShift = (j & 3) << 1;
  const low = i8x16.splat(15);
  const three = i8x16.splat(3);
  const zero = i8x16.splat(32);
  const none = f32x4.splat(0);
  const scales = p + 192 + (<usize>j << 1);
  const q0 = v128.or(
    v128.and(i8x16.shr_u(v128.load(four), fourShift), low),
    i8x16.shl(v128.and(i8x16.shr_u(v128.load(two), twoShift), three), 4),
  );
  const q1 = v128.or(
    v128.and(i8x16.shr_u(v128.load(four, 16), fourShift), low),
    i8x16.shl(v128.and(i8x16.shr_u(v128.load(two, 16), twoShift), three), 4),
  );
  store16(i8x16.sub(q0, zero), f32x4.splat(d * <f32>load<i8>(scales)), none, to, second);
  store16(i8x16.sub(q1, zero), f32x4.splat(d * <f32>load<i8>(scales, 1)), none, to + next, second);
}

/**
 * Widens values [first, first + count) of a row of W, both multiples of 32. Every 8 of them stay together: the parts of 32
 * values lie at `to`, `to + second`, `to + next` and `to + next + second`, and the next 32 begin at `to + 2 next`.
 */
function widen(w: Weight, row: i32, first: i32, count: i32, to: usize, second: usize, next: usize): void {
  const type = w.type;
  const p = w.blocks + <usize>row * <usize>w.rowBytes;
  const end = (first + count) >> 5;
  for (let g = first >> 5; g < end; g++) {
    if (type >= Q4_K) {
      const block = <usize>(g >> 3);
      if (type == Q6_K) widenQ6(p + block * 210, g & 7, to, second, next);
      else if (type == Q5_K) widenK(true, p + block * 176, g & 7, to, second, next);
      else widenK(false, p + block * 144, g & 7, to, second, next);
    } else if (type == Q8_0) widenQ8(p + <usize>g * 34, to, second, next);
    else {
      const bytes = 18 + (type == Q4_1 || type == Q5_1 ? 2 : 0) + (type == Q5_0 || type == Q5_1 ? 4 : 0);
      widenNibbles(type, p + <usize>g * bytes, to, second, next);
    }
    to += 2 * next;
  }
}

/** Packs W^T [kc, cols]: panels of NR rows of W, by way of `rows`, which holds NR x KC floats. */
function packForward(w: Product, row: i32, cols: i32, k: i32, kc: i32, target: usize, rows: usize): void {
  const ld = <usize>KC << 2;
  for (let j = 0; j < cols; j += NR) {
    const width = min(NR, cols - j);
    for (let x = 0; x < width; x++) widen(w, row + j + x, k, kc, rows + <usize>x * ld, 32, 64);
    packRightTransposed(rows, ld, kc, width, target);
    target += <usize>kc * STEP;
  }
}

/** Packs W [kc rows, cols]: panels of NR columns of W, in their natural order. `cols` is a multiple of 32. */
function packBackward(w: Product, row: i32, kc: i32, column: i32, cols: i32, target: usize): void {
  const panel = <usize>kc * STEP;
  // 16 columns are two panels of 8 or one of 16
  const second = NR == 8 ? panel : 32;
  const next = NR == 8 ? 2 * panel : panel;
  for (let k = 0; k < kc; k++) widen(w, row + k, column, cols, target + <usize>k * STEP, second, next);
}

/** Task: 16 of the rows, written at `to` without a gap; bfloat16 by way of scratch, which holds a row. */
export function widenBlocks(w: Widening, task: u32, scratch: usize): void {
  const begin = <i32>task * WIDEN_ROWS;
  const end = min(begin + WIDEN_ROWS, w.rows);
  for (let row = begin; row < end; row++) {
    const at = <usize>row * <usize>w.inFeatures;
    widen(w, w.first + row, 0, w.inFeatures, w.half ? scratch : w.to + (at << 2), 32, 64);
    if (w.half) roundRow(scratch, w.to + (at << 1), w.inFeatures);
  }
}

/** Task: rows `chunk` x columns NC of C, over all of the depth. C = A W^T, or A W when transposed. */
export function multiplyBlocks(w: Product, task: u32, scratch: usize): void {
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
  const widened = block + (<usize>(KC * NC) << 2);
  const c = w.c + <usize>row * ldc + (<usize>column << 2);
  for (let k = 0; k < depth; k += KC) {
    const kc = min(KC, depth - k);
    if (w.transposed) packBackward(w, k, kc, column, cols, block);
    else packForward(w, column, cols, k, kc, block, widened);
    const a = w.a + ((<usize>k * panels + <usize>(row / MR) * kc) << 4);
    multiplyPanels(a, block, c, ldc, rows, cols, kc, k > 0 || w.accumulate != 0, scratch);
  }
}

/** Task: 64 rows of W times each of a few rows of x; a row of W is widened into scratch once. */
export function multiplyBlockRows(w: Product, task: u32, scratch: usize): void {
  const first = <i32>task * BLOCK_ROWS;
  const end = min(first + BLOCK_ROWS, w.outFeatures);
  const bytes = <usize>w.inFeatures << 2;
  for (let row = first; row < end; row++) {
    widen(w, row, 0, w.inFeatures, scratch, 32, 64);
    for (let m = 0; m < w.m; m++) {
      const sum = dotRow(w.a + ((<usize>m * w.lda) << 2), scratch, bytes) * w.scale;
      const c = w.c + ((<usize>m * w.outFeatures + row) << 2);
      store<f32>(c, w.accumulate ? load<f32>(c) + sum : sum);
    }
  }
}

/** Task: 256 columns of a few rows of x times W, row by row of W. */
export function multiplyBlockColumns(w: Product, task: u32, scratch: usize): void {
  const first = <i32>task * BLOCK_COLUMNS;
  const columns = min(BLOCK_COLUMNS, w.inFeatures - first);
  const bytes = <usize>columns << 2;
  const sums = scratch + (<usize>BLOCK_COLUMNS << 2);
  memory.fill(sums, 0, <usize>(w.m * BLOCK_COLUMNS) << 2);
  for (let row = 0; row < w.outFeatures; row++) {
    widen(w, row, first, columns, scratch, 32, 64);
    for (let m = 0; m < w.m; m++) {
      const value = load<f32>(w.a + ((<usize>m * w.lda + row) << 2)) * w.scale;
      addRow(sums + (<usize>(m * BLOCK_COLUMNS) << 2), value, scratch, bytes);
    }
  }
  for (let m = 0; m < w.m; m++) {
    const c = w.c + ((<usize>m * w.inFeatures + first) << 2);
    storeRow(sums + (<usize>(m * BLOCK_COLUMNS) << 2), c, bytes, w.accumulate != 0);
  }
}
