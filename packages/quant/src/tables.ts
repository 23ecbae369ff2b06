/** @file The value tables of bitsandbytes: NF4, FP4 and the signed dynamic 8-bit map (csrc/kernels.cu, functional.py). */

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

// 256 float32, little endian, as create_dynamic_map(signed=True) gives them. Stored, not computed: torch.linspace rounds
// in an order of its own. SHA-256 e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c.
const DYNAMIC_MAP_BYTES =
  'MzN+v5qZer8AAHe/ZmZzv83Mb78zM2y/mplovwAAZb9mZmG/zcxdvzMzWr+amVa/AABTv2ZmT7/NzEu/MzNIv5qZRL8AAEG/ZmY9' +
  'v83MOb80Mza/mpkyvwAAL79mZiu/zcwnvzQzJL+amSC/AAAdv2ZmGb/NzBW/NDMSv5qZDr8AAAu/ZmYHv8zMA78zMwC/MjP5vgAA' +
  '8r7MzOq+mpnjvmZm3L4zM9W+AADOvszMxr6amb++Zma4vjMzsb4AAKq+zMyivpqZm75mZpS+NDONvgAAhr6ZmX2+MzNvvs3MYL5m' +
  'ZlK+AABEvpqZNb4zMye+zcwYvmZmCr4AAPi9NDPbvYXryb33KMS9Z2a+vdejuL1I4bK9uB6tvSpcp72amaG9CtebvXsUlr3rUZC9' +
  'XY+Kvc3MhL17FH69XY9yvT0KZ70fhVu9AABQveF6RL3D9Ti9o3AtvYXrIb1nZha9SOEKvVK4/rwVrue816PQvJqZubxdj6K8H4WL' +
  'vMP1aLxI4Tq8ZDsfvBgEFrzNzAy8gZUDvGq89LvTTeK7O9/Pu6RwvbsNAqu7dJOYu90khruKbGe7XI9Cuy2yHbv8qfG6ne+nuv9l' +
  'd7o+6Fm6gGo8usHsHroBbwG6g+LHuQXnjLkL1yO5Sx+6uLPvirg0gDe4BkKyt/8FAreUGlq2t6MTtQAAAAC3oxM1lBpaNv8FAjcG' +
  'QrI3NIA3OLPvijhLH7o4C9cjOQXnjDmD4sc5AW8BOsHsHjqAajw6PuhZOv9ldzqd76c6/KnxOi2yHTtcj0I7imxnO90khjt0k5g7' +
  'DQKrO6RwvTs73887003iO2q89DuBlQM8zcwMPBgEFjxkOx88SOE6PMP1aDwfhYs8XY+iPJqZuTzXo9A8Fa7nPFK4/jxI4Qo9Z2YW' +
  'PYXrIT2jcC09w/U4PeF6RD0AAFA9H4VbPT0KZz1dj3I9exR+Pc3MhD1dj4o961GQPXsUlj0K15s9mpmhPSpcpz24Hq09SOGyPdej' +
  'uD1nZr499yjEPYXryT00M9s9AAD4PWZmCj7NzBg+MzMnPpqZNT4AAEQ+ZmZSPs3MYD4zM28+mZl9PgAAhj40M40+ZmaUPpqZmz7M' +
  'zKI+AACqPjMzsT5mZrg+mpm/PszMxj4AAM4+MzPVPmZm3D6ameM+zMzqPgAA8j4yM/k+MzMAP8zMAz9mZgc/AAALP5qZDj80MxI/' +
  'zcwVP2ZmGT8AAB0/mpkgPzQzJD/NzCc/ZmYrPwAALz+amTI/NDM2P83MOT9mZj0/AABBP5qZRD8zM0g/zcxLP2ZmTz8AAFM/mplW' +
  'PzMzWj/NzF0/ZmZhPwAAZT+amWg/MzNsP83Mbz9mZnM/AAB3P5qZej8zM34/AACAPw==';

/** Value of each 8-bit code of a nested absmax, ascending. */
export const DYNAMIC_MAP: Float32Array = decodeFloat32(DYNAMIC_MAP_BYTES);

function decodeFloat32(base64: string): Float32Array {
  const text = atob(base64);
  const view = new DataView(new ArrayBuffer(text.length));
  for (let i = 0; i < text.length; i++) view.setUint8(i, text.charCodeAt(i));
  return Float32Array.from({ length: text.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

/**
 * bitsandbytes' map of 8-bit codes for optimizer states, ascending: seven decades, each with the means of neighbouring points of
 * an even division of [0.1, 1], then 0 and 1 (Dettmers, 8-Bit Approximations; functional.py create_dynamic_map). Decade i has
 * 2^i means of either sign when signed, 2^(i + 1) positive ones when not. The points are rounded as torch.linspace rounds them:
 * the signed map is {@link DYNAMIC_MAP} in all 256 values. No file of the unsigned one was at hand: it follows the same rule.
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
      const value = fround(fround(10 ** (decade - 6)) * mean);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return Float32Array.from(values).sort();
}

/**
 * Codes ordered by value, and the float32 midpoints between neighbours: a value takes the code at position
 * `number of midpoints below it` (a tie goes down).
 */
export function orderedCodes(values: Float32Array): { codes: Uint8Array; midpoints: Float32Array } {
  const codes = Uint8Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
  const midpoints = Float32Array.from({ length: codes.length - 1 }, (_, i) =>
    Math.fround(Math.fround(values[codes[i]] + values[codes[i + 1]]) / 2),
  );
  return { codes, midpoints };
}
