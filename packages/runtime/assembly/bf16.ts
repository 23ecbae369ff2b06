/** @file Rounding of float32 to bfloat16, to nearest and even. */

/** The bits of 4 finite floats, rounded to bfloat16, in the low halves of 4 words. */
// @ts-ignore: decorator
@inline
export function roundedBits(x: v128): v128 {
  const even = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  return i32x4.shr_u(i32x4.add(i32x4.add(x, even), i32x4.splat(0x7fff)), 16);
}

/** Writes `count` floats at `from` as bfloat16 at `to`. The floats are numbers: a NaN whose low bits are set may become another one or infinite. */
export function roundRow(from: usize, to: usize, count: i32): void {
  const end = from + (<usize>(count & ~7) << 2);
  while (from < end) {
    const low = roundedBits(v128.load(from));
    const high = roundedBits(v128.load(from, 16));
    v128.store(to, v128.shuffle<i16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
    from += 32;
    to += 16;
  }
  for (let i = count & 7; i > 0; i--) {
    const bits = load<u32>(from);
    store<u16>(to, <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    from += 4;
    to += 2;
  }
}
