/** @file SIMD helpers of the kernels: fused multiply-add, horizontal sums, exp and tanh of four floats. */

/** a * b + c: one rounding where the build and the CPU have relaxed SIMD, two roundings otherwise. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/** Table look-up of 16 bytes; every index must be below 16. */
// @ts-ignore: decorator
@inline
export function lookup(table: v128, index: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(table, index) : i8x16.swizzle(table, index);
}

/** (x0 + x2) + (x1 + x3). */
// @ts-ignore: decorator
@inline
export function sum4(x: v128): f32 {
  const pair = f32x4.add(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
}

// @ts-ignore: decorator
@inline
export function max4(x: v128): f32 {
  const pair = f32x4.max(x, v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

// @ts-ignore: decorator
@inline
function constant(x: f32): v128 {
  return f32x4.splat(x);
}

/**
 * exp(x) for x <= 88: x = n ln 2 + r with |r| <= ln(2)/2, a degree-6 polynomial in r, times 2^n. About 1 ulp.
 * Below -87.3 the result is the smallest normal number rather than a denormal.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // pmax is one instruction; max, which passes NaN on from both sides, is many
  x = f32x4.pmax(x, constant(-87.3));
  // adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits: n, ready to become an exponent
  const shifted = madd(x, constant(1.44269504), constant(12582912));
  const n = f32x4.sub(shifted, constant(12582912));
  // ln 2 in two parts, so that n * (high part) is exact
  let r = f32x4.sub(x, f32x4.mul(n, constant(0.693359375)));
  r = madd(n, constant(2.12194440e-4), r);
  let p = constant(1.9875691500e-4);
  p = madd(p, r, constant(1.3981999507e-3));
  p = madd(p, r, constant(8.3334519073e-3));
  p = madd(p, r, constant(4.1665795894e-2));
  p = madd(p, r, constant(1.6666665459e-1));
  p = madd(p, r, constant(5.0000001201e-1));
  p = madd(f32x4.mul(r, r), p, f32x4.add(r, constant(1)));
  return f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(127 << 23)));
}

/**
 * tanh(x). |x| < 0.625: an odd polynomial of degree 11; beyond it 1 - 2 / (exp(2|x|) + 1). About 2 ulp.
 */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const magnitude = f32x4.pmin(f32x4.abs(x), constant(10));
  const far = f32x4.sub(
    constant(1),
    f32x4.div(constant(2), f32x4.add(exp4(f32x4.add(magnitude, magnitude)), constant(1))),
  );
  const z = f32x4.mul(x, x);
  let p = constant(-5.70498872745e-3);
  p = madd(p, z, constant(2.06390887954e-2));
  p = madd(p, z, constant(-5.37397155531e-2));
  p = madd(p, z, constant(1.33314422036e-1));
  p = madd(p, z, constant(-3.33332819422e-1));
  const near = madd(f32x4.mul(p, z), x, x);
  const sign = v128.and(x, i32x4.splat(0x80000000));
  return v128.bitselect(near, v128.or(far, sign), f32x4.lt(magnitude, constant(0.625)));
}

/** log(x) for x > 0: x = 2^e f with f in [0.71, 1.41], log f = 2 atanh((f - 1) / (f + 1)) as a series. */
export function log1(x: f32): f32 {
  const bits = reinterpret<i32>(x);
  const exponent = (bits - 0x3f3504f3) >> 23;
  const f = <f64>reinterpret<f32>(bits - (exponent << 23));
  const s = (f - 1) / (f + 1);
  const z = s * s;
  const series = 1 + z * (1.0 / 3 + z * (1.0 / 5 + z * (1.0 / 7 + z * (1.0 / 9 + z * (1.0 / 11)))));
  return <f32>(2 * s * series + <f64>exponent * 0.6931471805599453);
}
