/** @file RMSNorm and its gradient, some rows a task. */
import { madd, sum4 } from '@arena/runtime/assembly/simd';

/** Rows that one task takes. It fixes the order of the weight gradient's sums, so it must not depend on the threads. */
const ROWS: i32 = 32;

@unmanaged
class Forward {
  x: usize;
  weight: usize;
  /** 0 for none. */
  residual: usize;
  y: usize;
  tokens: i32;
  width: i32;
  eps: f32;
}

@unmanaged
class Backward {
  dy: usize;
  x: usize;
  weight: usize;
  /** 0 for none. */
  residual: usize;
  dx: usize;
  /** Sums of each task's rows of dy xh [tasks, width]; 0 when they are not wanted. */
  partial: usize;
  tokens: i32;
  width: i32;
  eps: f32;
}

@unmanaged
class Rows {
  x: usize;
  y: usize;
  rows: i32;
  width: i32;
}

/** (mean(x^2) + eps)^(-1/2) of one row. */
// @ts-ignore: decorator
@inline
function inverseRms(x: usize, width: i32, eps: f32): f32 {
  return 1 / sqrt<f32>(dot(x, x, width) / <f32>width + eps);
}

/** Sum of a[i] b[i]. */
function dot(a: usize, b: usize, count: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const at = <usize>i << 2;
    s0 = madd(v128.load(a + at), v128.load(b + at), s0);
    s1 = madd(v128.load(a + at, 16), v128.load(b + at, 16), s1);
  }
  let sum = sum4(f32x4.add(s0, s1));
  for (; i < count; i++) sum += load<f32>(a + (<usize>i << 2)) * load<f32>(b + (<usize>i << 2));
  return sum;
}

/** Task: y = x r (1 + weight) (+ residual). */
export function rmsNorm(j: Forward, task: u32, scratch: usize): void {
  const width = j.width;
  const one = f32x4.splat(1);
  const end = min(<i32>(task + 1) * ROWS, j.tokens);
  for (let row = <i32>task * ROWS; row < end; row++) {
    const offset = (<usize>row * width) << 2;
    const x = j.x + offset;
    const y = j.y + offset;
    const r = inverseRms(x, width, j.eps);
    const scale = f32x4.splat(r);
    let i = 0;
    for (; i + 4 <= width; i += 4) {
      const at = <usize>i << 2;
      let value = f32x4.mul(f32x4.mul(v128.load(x + at), scale), f32x4.add(v128.load(j.weight + at), one));
      if (j.residual) value = f32x4.add(value, v128.load(j.residual + offset + at));
      v128.store(y + at, value);
    }
    for (; i < width; i++) {
      const at = <usize>i << 2;
      let value = load<f32>(x + at) * r * (load<f32>(j.weight + at) + 1);
      if (j.residual) value += load<f32>(j.residual + offset + at);
      store<f32>(y + at, value);
    }
  }
}

/** Task: dx = r (g - xh mean(g xh)) (+ residual) with g = dy (1 + weight), xh = x r; and the partial sums of dy xh. */
export function rmsNormBackward(j: Backward, task: u32, scratch: usize): void {
  const width = j.width;
  const one = f32x4.splat(1);
  const partial = j.partial ? j.partial + ((<usize>task * width) << 2) : 0;
  if (partial) memory.fill(partial, 0, <usize>width << 2);
  const end = min(<i32>(task + 1) * ROWS, j.tokens);
  for (let row = <i32>task * ROWS; row < end; row++) {
    const offset = (<usize>row * width) << 2;
    const x = j.x + offset;
    const dy = j.dy + offset;
    const dx = j.dx + offset;
    const r = inverseRms(x, width, j.eps);
    let sums = f32x4.splat(0);
    let i = 0;
    for (; i + 4 <= width; i += 4) {
      const at = <usize>i << 2;
      const g = f32x4.mul(v128.load(dy + at), f32x4.add(v128.load(j.weight + at), one));
      sums = madd(g, v128.load(x + at), sums);
    }
    let sum = sum4(sums);
    for (; i < width; i++) {
      const at = <usize>i << 2;
      sum += load<f32>(dy + at) * (load<f32>(j.weight + at) + 1) * load<f32>(x + at);
    }
    // dx = r g - x r^3 mean(g x)
    const slope = r * r * r * (sum / <f32>width);
    const scale = f32x4.splat(r);
    const slopes = f32x4.splat(slope);
    for (i = 0; i + 4 <= width; i += 4) {
      const at = <usize>i << 2;
      const dyv = v128.load(dy + at);
      const xv = v128.load(x + at);
      const g = f32x4.mul(dyv, f32x4.add(v128.load(j.weight + at), one));
      let value = f32x4.sub(f32x4.mul(g, scale), f32x4.mul(xv, slopes));
      if (j.residual) value = f32x4.add(value, v128.load(j.residual + offset + at));
      v128.store(dx + at, value);
      if (partial) v128.store(partial + at, madd(dyv, f32x4.mul(xv, scale), v128.load(partial + at)));
    }
    for (; i < width; i++) {
      const at = <usize>i << 2;
      const dyv = load<f32>(dy + at);
      const xv = load<f32>(x + at);
      let value = dyv * (load<f32>(j.weight + at) + 1) * r - xv * slope;
      if (j.residual) value += load<f32>(j.residual + offset + at);
      store<f32>(dx + at, value);
      if (partial) store<f32>(partial + at, load<f32>(partial + at) + dyv * (xv * r));
    }
  }
}

/** Task 0: y = sum of the rows of x, from the first to the last. */
export function sumRows(j: Rows, task: u32, scratch: usize): void {
  for (let i = 0; i < j.width; i++) {
    let at = j.x + (<usize>i << 2);
    let sum: f32 = 0;
    for (let row = 0; row < j.rows; row++) {
      sum += load<f32>(at);
      at += <usize>j.width << 2;
    }
    store<f32>(j.y + (<usize>i << 2), sum);
  }
}
