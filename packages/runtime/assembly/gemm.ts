/**
 * @file Building blocks of a packed-panel matrix product C[M,N] = A[M,K] B[K,N]. A is packed in panels of 4 rows
 * ([panel][k][4]), B in panels of 8 columns ([panel][k][8]), blocks of KC x NC at a time; the micro-kernel keeps a 4 x 8
 * tile of C in registers. Strides (`ld`) are in bytes.
 */
import { madd } from './simd';

/** Rows of a panel of A. 4 x 8 is the largest tile that Node 20's register allocator keeps free of spills. */
export const MR: i32 = 4;
/** Columns of a panel of B. */
export const NR: i32 = 8;
/** Depth of a block. */
export const KC: i32 = 256;
/** Columns of a block of B: KC * NC * 4 = 192 KiB stay in the second-level cache. */
export const NC: i32 = 192;
/** Bytes of a thread's scratch for one block of B and a tile. */
export const BLOCK_SCRATCH: usize = 4 * 256 * 192 + 128;

/**
 * c[4, 8] = sum over k of a[k][4] b[k][8] (added to c when `accumulate`). One k a turn: unrolling makes compilers reorder
 * the sums and spill.
 */
export function micro(kc: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + (<usize>kc << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let t = v128.load_splat<f32>(a);
    c00 = madd(t, b0, c00);
    c01 = madd(t, b1, c01);
    t = v128.load_splat<f32>(a, 4);
    c10 = madd(t, b0, c10);
    c11 = madd(t, b1, c11);
    t = v128.load_splat<f32>(a, 8);
    c20 = madd(t, b0, c20);
    c21 = madd(t, b1, c21);
    t = v128.load_splat<f32>(a, 12);
    c30 = madd(t, b0, c30);
    c31 = madd(t, b1, c31);
    a += 16;
    b += 32;
  }
  const r1 = c + ldc;
  const r2 = r1 + ldc;
  const r3 = r2 + ldc;
  if (accumulate) {
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c10 = f32x4.add(v128.load(r1), c10);
    c11 = f32x4.add(v128.load(r1, 16), c11);
    c20 = f32x4.add(v128.load(r2), c20);
    c21 = f32x4.add(v128.load(r2, 16), c21);
    c30 = f32x4.add(v128.load(r3), c30);
    c31 = f32x4.add(v128.load(r3, 16), c31);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(r1, c10);
  v128.store(r1, c11, 16);
  v128.store(r2, c20);
  v128.store(r2, c21, 16);
  v128.store(r3, c30);
  v128.store(r3, c31, 16);
}

/**
 * C[rows, cols] (+)= packed A panels times packed B panels of depth kc. `tile` is 128 bytes of scratch for the edges.
 */
export function multiplyPanels(
  a: usize, b: usize, c: usize, ldc: usize, rows: i32, cols: i32, kc: i32, accumulate: bool, tile: usize,
): void {
  const panelA = <usize>kc << 4;
  const panelB = <usize>kc << 5;
  for (let i = 0; i < rows; i += MR) {
    let bp = b;
    const height = min(MR, rows - i);
    for (let j = 0; j < cols; j += NR) {
      const width = min(NR, cols - j);
      const out = c + (<usize>j << 2);
      if (height == MR && width == NR) micro(kc, a, bp, out, ldc, accumulate);
      else {
        micro(kc, a, bp, tile, 32, false);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const to = out + <usize>y * ldc + (<usize>x << 2);
            const value = load<f32>(tile + (<usize>(y * NR + x) << 2));
            store<f32>(to, accumulate ? load<f32>(to) + value : value);
          }
        }
      }
      bp += panelB;
    }
    a += panelA;
    c += ldc * MR;
  }
}

/** Packs rows [rows, kc] of a row-major matrix into panels of 4 rows, times `scale`; missing rows become zeros. */
export function packLeft(source: usize, ld: usize, rows: i32, kc: i32, target: usize, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let i = 0; i < rows; i += MR) {
    if (i + MR <= rows) {
      let s0 = source;
      let s1 = s0 + ld;
      let s2 = s1 + ld;
      let s3 = s2 + ld;
      let k = 0;
      for (; k + 4 <= kc; k += 4) {
        const r0 = f32x4.mul(v128.load(s0), factor);
        const r1 = f32x4.mul(v128.load(s1), factor);
        const r2 = f32x4.mul(v128.load(s2), factor);
        const r3 = f32x4.mul(v128.load(s3), factor);
        const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
        const t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
        const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
        const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
        v128.store(target, v128.shuffle<i64>(t0, t2, 0, 2));
        v128.store(target, v128.shuffle<i64>(t0, t2, 1, 3), 16);
        v128.store(target, v128.shuffle<i64>(t1, t3, 0, 2), 32);
        v128.store(target, v128.shuffle<i64>(t1, t3, 1, 3), 48);
        s0 += 16;
        s1 += 16;
        s2 += 16;
        s3 += 16;
        target += 64;
      }
      for (; k < kc; k++) {
        store<f32>(target, load<f32>(s0) * scale);
        store<f32>(target, load<f32>(s1) * scale, 4);
        store<f32>(target, load<f32>(s2) * scale, 8);
        store<f32>(target, load<f32>(s3) * scale, 12);
        s0 += 4;
        s1 += 4;
        s2 += 4;
        s3 += 4;
        target += 16;
      }
    } else {
      for (let k = 0; k < kc; k++) {
        for (let y = 0; y < MR; y++) {
          const from = source + <usize>y * ld + (<usize>k << 2);
          store<f32>(target, i + y < rows ? load<f32>(from) * scale : 0);
          target += 4;
        }
      }
    }
    source += ld * MR;
  }
}

/** As {@link packLeft} for a matrix that is stored transposed: the source is [kc, rows]. */
export function packLeftTransposed(source: usize, ld: usize, rows: i32, kc: i32, target: usize, scale: f32): void {
  const factor = f32x4.splat(scale);
  for (let i = 0; i < rows; i += MR) {
    let from = source + (<usize>i << 2);
    const height = min(MR, rows - i);
    for (let k = 0; k < kc; k++) {
      if (height == MR) v128.store(target, f32x4.mul(v128.load(from), factor));
      else {
        for (let y = 0; y < MR; y++) {
          store<f32>(target + (<usize>y << 2), y < height ? load<f32>(from + (<usize>y << 2)) * scale : 0);
        }
      }
      from += ld;
      target += 16;
    }
  }
}

/** Packs [kc, cols] of a row-major matrix into panels of 8 columns; missing columns become zeros. */
export function packRight(source: usize, ld: usize, kc: i32, cols: i32, target: usize): void {
  for (let j = 0; j < cols; j += NR) {
    let from = source + (<usize>j << 2);
    const width = min(NR, cols - j);
    for (let k = 0; k < kc; k++) {
      if (width == NR) {
        v128.store(target, v128.load(from));
        v128.store(target, v128.load(from, 16), 16);
      } else {
        for (let x = 0; x < NR; x++) {
          store<f32>(target + (<usize>x << 2), x < width ? load<f32>(from + (<usize>x << 2)) : 0);
        }
      }
      from += ld;
      target += 32;
    }
  }
}

/** As {@link packRight} for a matrix that is stored transposed: the source is [cols, kc]. */
export function packRightTransposed(source: usize, ld: usize, kc: i32, cols: i32, target: usize): void {
  for (let j = 0; j < cols; j += NR) {
    const width = min(NR, cols - j);
    if (width == NR) {
      for (let half = 0; half < 2; half++) {
        let s0 = source + ld * <usize>(j + half * 4);
        let s1 = s0 + ld;
        let s2 = s1 + ld;
        let s3 = s2 + ld;
        let to = target + <usize>half * 16;
        let k = 0;
        for (; k + 4 <= kc; k += 4) {
          const r0 = v128.load(s0);
          const r1 = v128.load(s1);
          const r2 = v128.load(s2);
          const r3 = v128.load(s3);
          const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
          const t1 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
          const t2 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
          const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
          v128.store(to, v128.shuffle<i64>(t0, t2, 0, 2));
          v128.store(to, v128.shuffle<i64>(t0, t2, 1, 3), 32);
          v128.store(to, v128.shuffle<i64>(t1, t3, 0, 2), 64);
          v128.store(to, v128.shuffle<i64>(t1, t3, 1, 3), 96);
          s0 += 16;
          s1 += 16;
          s2 += 16;
          s3 += 16;
          to += 128;
        }
        for (; k < kc; k++) {
          store<f32>(to, load<f32>(s0));
          store<f32>(to, load<f32>(s1), 4);
          store<f32>(to, load<f32>(s2), 8);
          store<f32>(to, load<f32>(s3), 12);
          s0 += 4;
          s1 += 4;
          s2 += 4;
          s3 += 4;
          to += 32;
        }
      }
    } else {
      for (let k = 0; k < kc; k++) {
        for (let x = 0; x < NR; x++) {
          const from = source + ld * <usize>(j + x) + (<usize>k << 2);
          store<f32>(target + (<usize>(k * NR + x) << 2), x < width ? load<f32>(from) : 0);
        }
      }
    }
    target += <usize>kc * 32;
  }
}
