/**
 * @file Building blocks of a packed-panel matrix product C[M,N] = A[M,K] B[K,N]. A is packed in panels of 4 rows
 * ([panel][k][4]), B in panels of NR columns ([panel][k][NR]), blocks of KC x NC at a time; the micro-kernel keeps a
 * 4 x NR tile of C in registers. Strides (`ld`) are in bytes.
 */
import { MR, NR, micro } from './micro';

export { MR, NR };

/** Bytes of one k in a panel of B. */
export const STEP: usize = 4 * <usize>NR;
/** Bytes of scratch for a tile of C: 4 x 16 floats, the larger of the two builds. */
export const TILE_BYTES: usize = 256;
/** Depth of a block. */
export const KC: i32 = 256;
/** Columns of a block of B: KC * NC * 4 = 192 KiB stay in the second-level cache. */
export const NC: i32 = 192;

/**
 * C[rows, cols] (+)= packed A panels times packed B panels of depth kc. `tile` is TILE_BYTES of scratch for the edges.
 */
export function multiplyPanels(
  a: usize, b: usize, c: usize, ldc: usize, rows: i32, cols: i32, kc: i32, accumulate: bool, tile: usize,
): void {
  const panelA = <usize>kc << 4;
  const panelB = <usize>kc * STEP;
  for (let i = 0; i < rows; i += MR) {
    let bp = b;
    const height = min(MR, rows - i);
    for (let j = 0; j < cols; j += NR) {
      const width = min(NR, cols - j);
      const out = c + (<usize>j << 2);
      if (height == MR && width == NR) micro(kc, a, bp, out, ldc, accumulate);
      else {
        micro(kc, a, bp, tile, STEP, false);
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

/** Packs [kc, cols] of a row-major matrix into panels of NR columns; missing columns become zeros. */
export function packRight(source: usize, ld: usize, kc: i32, cols: i32, target: usize): void {
  for (let j = 0; j < cols; j += NR) {
    let from = source + (<usize>j << 2);
    const width = min(NR, cols - j);
    for (let k = 0; k < kc; k++) {
      if (width == NR) {
        for (let x: usize = 0; x < STEP; x += 32) {
          v128.store(target + x, v128.load(from + x));
          v128.store(target + x, v128.load(from + x, 16), 16);
        }
      } else {
        for (let x = 0; x < NR; x++) {
          store<f32>(target + (<usize>x << 2), x < width ? load<f32>(from + (<usize>x << 2)) : 0);
        }
      }
      from += ld;
      target += STEP;
    }
  }
}

/** As {@link packRight} for a matrix that is stored transposed: the source is [cols, kc]. */
export function packRightTransposed(source: usize, ld: usize, kc: i32, cols: i32, target: usize): void {
  for (let j = 0; j < cols; j += NR) {
    const width = min(NR, cols - j);
    if (width == NR) {
      for (let x = 0; x < NR; x += 4) {
        let s0 = source + ld * <usize>(j + x);
        let s1 = s0 + ld;
        let s2 = s1 + ld;
        let s3 = s2 + ld;
        let to = target + (<usize>x << 2);
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
          v128.store(to, v128.shuffle<i64>(t0, t2, 1, 3), STEP);
          v128.store(to, v128.shuffle<i64>(t1, t3, 0, 2), 2 * STEP);
          v128.store(to, v128.shuffle<i64>(t1, t3, 1, 3), 3 * STEP);
          s0 += 16;
          s1 += 16;
          s2 += 16;
          s3 += 16;
          to += 4 * STEP;
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
          to += STEP;
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
    target += <usize>kc * STEP;
  }
}
