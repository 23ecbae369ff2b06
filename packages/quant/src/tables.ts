/**
 * @file The value tables of bitsandbytes: NF4, FP4 and the signed dynamic 8-bit map (csrc/kernels.cu, functional.py).
 */

export type QuantType = 'nf4' | 'fp4';

/** Value of each 4-bit code, in units of the block's absmax. */
export const CODEBOOK: Record<QuantType, Float32Array> = {
  nf4: Float32Array.of(
    -1,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1,
  ),
  fp4: Float32Array.of(
    0,
    0.0052083334885537624,
    0.6666666865348816,
    1,
    0.3333333432674408,
    0.5,
    0.1666666716337204,
    0.25,
    0,
    -0.0052083334885537624,
    -0.6666666865348816,
    -1,
    -0.3333333432674408,
    -0.5,
    -0.1666666716337204,
    -0.25,
  ),
};

/** Value of each 8-bit code of a nested absmax, ascending. */
export const DYNAMIC_MAP: Float32Array = /* @__PURE__ */ dynamicMap(true);

/**
 * bitsandbytes' map of 8-bit codes for optimizer states, ascending: seven decades, each with the midpoints of an even
 * division of [0.1, 1], then 0 and 1 (Dettmers, 8-Bit Approximations; functional.py create_dynamic_map). Decade i has
 * 2^i means of either sign when signed, 2^(i + 1) positive ones when not. The points are rounded as torch.linspace
 * rounds them: the signed map has the bytes of create_dynamic_map(signed=True), SHA-256
 * e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c. There was no file of the unsigned map to compare
 * with. It follows the same rule.
 */
export function dynamicMap(signed: boolean): Float32Array {
  const { fround } = Math;
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const points = 2 ** (signed ? decade : decade + 1) + 1;
    const step = fround((1 - fround(0.1)) / (points - 1));
    const point = (i: number) =>
      i < points / 2 - 0.5 ? fround(fround(0.1) + step * i) : fround(1 - step * (points - 1 - i));
    for (let i = 0; i + 1 < points; i++) {
      const mean = fround(fround(point(i) + point(i + 1)) / 2);
      const value = fround(fround(Number(`1e${decade - 6}`)) * mean);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return Float32Array.from(values).sort();
}

/**
 * Codes ordered by value, and the float32 midpoints between neighbours: a value gets the code at position `number of
 * midpoints below it` (a tie goes down).
 */
export function orderedCodes(values: Float32Array): { codes: Uint8Array; midpoints: Float32Array } {
  const codes = Uint8Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
  const midpoints = Float32Array.from({ length: codes.length - 1 }, (_, i) =>
    Math.fround(Math.fround(values[codes[i]] + values[codes[i + 1]]) / 2),
  );
  return { codes, midpoints };
}
