/** @file Building blocks of a product with few rows of A, where packing would cost more than the product. */
import { madd, sum4 } from './simd';

/** Sum of a[i] b[i] over `bytes` of floats: four vectors of sums, then what is left value by value. */
// @ts-ignore: decorator
@inline
export function dotRow(a: usize, b: usize, bytes: usize): f32 {
  const whole = bytes & ~63;
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let i: usize = 0;
  for (; i < whole; i += 64) {
    s0 = madd(v128.load(a + i), v128.load(b + i), s0);
    s1 = madd(v128.load(a + i, 16), v128.load(b + i, 16), s1);
    s2 = madd(v128.load(a + i, 32), v128.load(b + i, 32), s2);
    s3 = madd(v128.load(a + i, 48), v128.load(b + i, 48), s3);
  }
  let sum = sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; i < bytes; i += 4) sum += load<f32>(a + i) * load<f32>(b + i);
  return sum;
}

/** sums[i] += value b[i] over `bytes` of floats. */
// @ts-ignore: decorator
@inline
export function addRow(sums: usize, value: f32, b: usize, bytes: usize): void {
  const whole = bytes & ~15;
  const factor = f32x4.splat(value);
  let i: usize = 0;
  for (; i < whole; i += 16) v128.store(sums + i, madd(factor, v128.load(b + i), v128.load(sums + i)));
  for (; i < bytes; i += 4) store<f32>(sums + i, load<f32>(sums + i) + value * load<f32>(b + i));
}

/** c[i] = sums[i], or c[i] += sums[i]. */
// @ts-ignore: decorator
@inline
export function storeRow(sums: usize, c: usize, bytes: usize, accumulate: bool): void {
  for (let i: usize = 0; i < bytes; i += 4) {
    const value = load<f32>(sums + i);
    store<f32>(c + i, accumulate ? load<f32>(c + i) + value : value);
  }
}
