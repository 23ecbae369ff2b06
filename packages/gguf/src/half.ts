/** @file Half precision to float32, by a table. */

let table: Float32Array | undefined;

/** The value of each of the 65,536 float16 codes. */
export function halfTable(): Float32Array {
  if (table) return table;
  const bits = new Uint32Array(65536);
  const values = new Float32Array(bits.buffer);
  for (let code = 0; code < 65536; code++) {
    const sign = (code & 0x8000) << 16;
    const exponent = (code >> 10) & 31;
    const fraction = code & 1023;
    if (exponent === 0) values[code] = (sign ? -1 : 1) * fraction * 2 ** -24;
    else bits[code] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  table = values;
  return values;
}

/** The float16 code nearest to a float32, given by its bits; ties to even. */
export function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00 | ((size >>> 13) & 0x1ff); // NaN, quiet
  if (size >= 0x477ff000) return sign | 0x7c00; // rounds beyond the largest
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  if (size < 0x33000000) return sign; // less than half the smallest
  // subnormal: the fraction with its leading 1, in steps of 2^-24
  const shift = 126 - (size >>> 23);
  const fraction = (size & 0x7fffff) | 0x800000;
  const half = 1 << (shift - 1);
  return sign | ((fraction + half - 1 + ((fraction >>> shift) & 1)) >>> shift);
}
