/** @file 4-bit quantisation of whole blocks: the largest magnitude, then each value's place among the code midpoints. */

/** Values that one task takes: a multiple of every block size. */
const VALUES: u32 = 65536;

/** Words of a call, as wasm.ts declares them. */
@unmanaged
class Arguments {
  values: usize;
  /** Half a byte a value, the first in the high nibble. */
  codes: usize;
  absmax: usize;
  count: u32;
  blockSize: u32;
  /** 15 midpoints of the ascending code values, then at offset 64 the codes in that order, 16 bytes. */
  tables: usize;
  /** Smallest divisor. */
  smallest: f32;
}

/** Task: 65,536 values. The absmax of a block that holds NaN is NaN. */
export function quantizeBlocks(j: Arguments, task: u32, scratch: usize): void {
  const end = min((task + 1) * VALUES, j.count);
  const order = v128.load(j.tables, 64);
  for (let start = task * VALUES; start < end; start += j.blockSize) {
    const from = j.values + (<usize>start << 2);
    const bytes = <usize>j.blockSize << 2;
    let most = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) most = f32x4.max(most, f32x4.abs(v128.load(from + i)));
    const largest = max(
      max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    );
    store<f32>(j.absmax + (<usize>(start / j.blockSize) << 2), largest);
    const reciprocal = f32x4.splat(1 / max(largest, j.smallest));
    let to = j.codes + (start >> 1);
    for (let i: usize = 0; i < bytes; i += 64) {
      const p0 = place(j.tables, f32x4.mul(v128.load(from + i), reciprocal));
      const p1 = place(j.tables, f32x4.mul(v128.load(from + i, 16), reciprocal));
      const p2 = place(j.tables, f32x4.mul(v128.load(from + i, 32), reciprocal));
      const p3 = place(j.tables, f32x4.mul(v128.load(from + i, 48), reciprocal));
      const places = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(p0, p1), i16x8.narrow_i32x4_u(p2, p3));
      const codes = i8x16.swizzle(order, places);
      // bytes (even, odd) of each 16-bit lane become even << 4 | odd
      const pairs = v128.and(v128.or(i16x8.shl(codes, 4), i16x8.shr_u(codes, 8)), i16x8.splat(255));
      v128.store64_lane(to, i8x16.narrow_i16x8_u(pairs, pairs), 0);
      to += 8;
    }
  }
}

/** How many of the 15 midpoints lie below each value. */
// @ts-ignore: decorator
@inline
function place(tables: usize, x: v128): v128 {
  let count = i32x4.splat(0);
  // a true comparison is -1
  for (let m: usize = 0; m < 60; m += 4) count = i32x4.sub(count, f32x4.gt(x, v128.load_splat<f32>(tables + m)));
  return count;
}
