/** @file Rows of a 4-bit matrix as float32 or bfloat16, for products by a native library. */
import { roundedBits } from '@arena/runtime/assembly/bf16';
import { lookup } from '@arena/runtime/assembly/simd';
import { Weight, absmaxOf, expand, valueOf } from './weight.as';

/** Rows of W that one task of {@link widen4bit} takes. */
const WIDEN_ROWS: i32 = 16;

/** Words of a call, as wasm.ts declares them: `rows` rows of W from row `first` on. */
@unmanaged
class Widening extends Weight {
  to: usize;
  first: i32;
  rows: i32;
  /** Whether to write bfloat16. */
  half: i32;
}

/** Writes 64 values of one block at `to` in their order. */
// @ts-ignore: decorator
@inline
function widen64(p0: v128, p1: v128, p2: v128, p3: v128, codes: usize, scale: v128, to: usize): void {
  const low = i8x16.splat(15);
  for (let i: usize = 0; i < 2; i++) {
    const q = v128.load(codes + (i << 4));
    const high = i8x16.shr_u(q, 4);
    const rest = v128.and(q, low);
    let pairs = v128.shuffle<i8>(high, rest, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    expand(p0, p1, p2, p3, pairs, scale, to, to + 16, to + 32, to + 48);
    pairs = v128.shuffle<i8>(high, rest, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    expand(p0, p1, p2, p3, pairs, scale, to + 64, to + 80, to + 96, to + 112);
    to += 128;
  }
}

/**
 * Writes 64 values of one block at `to` as bfloat16. The block has 16 values: they are scaled and rounded once, and
 * looked up byte by byte.
 */
// @ts-ignore: decorator
@inline
function widenHalf64(t0: v128, t1: v128, t2: v128, t3: v128, codes: usize, scale: v128, to: usize): void {
  const r0 = roundedBits(f32x4.mul(t0, scale));
  const r1 = roundedBits(f32x4.mul(t1, scale));
  const r2 = roundedBits(f32x4.mul(t2, scale));
  const r3 = roundedBits(f32x4.mul(t3, scale));
  const l01 = v128.shuffle<i8>(r0, r1, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const l23 = v128.shuffle<i8>(r2, r3, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const first = v128.shuffle<i64>(l01, l23, 0, 2);
  const second = v128.shuffle<i64>(l01, l23, 1, 3);
  const low = i8x16.splat(15);
  for (let i: usize = 0; i < 2; i++) {
    const q = v128.load(codes + (i << 4));
    const high = i8x16.shr_u(q, 4);
    const rest = v128.and(q, low);
    for (let h = 0; h < 2; h++) {
      const pairs = h == 0
        ? v128.shuffle<i8>(high, rest, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
        : v128.shuffle<i8>(high, rest, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      const b0 = lookup(first, pairs);
      const b1 = lookup(second, pairs);
      v128.store(to, v128.shuffle<i8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
      v128.store(to, v128.shuffle<i8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
      to += 32;
    }
  }
}

/** Task: 16 of the rows, written at `to` without a gap. */
export function widen4bit(w: Widening, task: u32, scratch: usize): void {
  const first = <i32>task * WIDEN_ROWS;
  const rows = min(WIDEN_ROWS, w.rows - first);
  const bytes: usize = w.half ? 2 : 4;
  let flat = <u32>(w.first + first) * <u32>w.inFeatures;
  const end = flat + <u32>rows * <u32>w.inFeatures;
  let to = w.to + <usize>first * <usize>w.inFeatures * bytes;
  if (!w.aligned) {
    for (; flat < end; flat++) {
      const value = valueOf(w, flat);
      if (w.half) store<u16>(to, <u16>i32x4.extract_lane(roundedBits(f32x4.splat(value)), 0));
      else store<f32>(to, value);
      to += bytes;
    }
    return;
  }
  const tables = w.tables + (w.half ? 0 : 64); // the floats, or their byte planes
  const p0 = v128.load(tables);
  const p1 = v128.load(tables, 16);
  const p2 = v128.load(tables, 32);
  const p3 = v128.load(tables, 48);
  for (; flat < end; flat += 64) {
    const scale = f32x4.splat(absmaxOf(w, flat >> w.blockShift));
    const codes = w.codes + (flat >> 1);
    if (w.half) widenHalf64(p0, p1, p2, p3, codes, scale, to);
    else widen64(p0, p1, p2, p3, codes, scale, to);
    to += bytes << 6;
  }
}
