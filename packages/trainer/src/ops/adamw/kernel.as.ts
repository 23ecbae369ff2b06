/** @file One AdamW step and the sum of squares, four values at a time. */
import { madd, sum4 } from '@arena/runtime/assembly/simd';

/** Values that one task takes. It fixes the order of the sums, so it must not depend on the threads. */
const VALUES: u32 = 16384;

/** Words of a call of {@link adamW}. */
@unmanaged
class Step {
  param: usize;
  gradient: usize;
  expAvg: usize;
  expAvgSq: usize;
  newParam: usize;
  newExpAvg: usize;
  newExpAvgSq: usize;
  count: u32;
  gradientScale: f32;
  /** 1 - learning rate * weight decay */
  decay: f32;
  /** 1 - beta1 */
  rate1: f32;
  beta2: f32;
  /** 1 - beta2 */
  rate2: f32;
  /** sqrt(1 - beta2^step) */
  correction2: f32;
  eps: f32;
  /** learning rate / (1 - beta1^step) */
  stepSize: f32;
}

/** Task: 16,384 values. The last vector may reach past the end: the heap rounds every allocation up to 64 bytes. */
export function adamW(j: Step, task: u32, scratch: usize): void {
  const end = min((task + 1) * VALUES, j.count);
  for (let i = task * VALUES; i < end; i += 4) {
    const at = <usize>i << 2;
    const g = f32x4.mul(v128.load(j.gradient + at), f32x4.splat(j.gradientScale));
    let m = v128.load(j.expAvg + at);
    m = f32x4.add(m, f32x4.mul(f32x4.sub(g, m), f32x4.splat(j.rate1)));
    let v = f32x4.mul(v128.load(j.expAvgSq + at), f32x4.splat(j.beta2));
    v = f32x4.add(v, f32x4.mul(f32x4.mul(g, g), f32x4.splat(j.rate2)));
    const root = f32x4.div(f32x4.sqrt(v), f32x4.splat(j.correction2));
    const move = f32x4.div(m, f32x4.add(root, f32x4.splat(j.eps)));
    const p = f32x4.mul(v128.load(j.param + at), f32x4.splat(j.decay));
    v128.store(j.newParam + at, f32x4.sub(p, f32x4.mul(move, f32x4.splat(j.stepSize))));
    v128.store(j.newExpAvg + at, m);
    v128.store(j.newExpAvgSq + at, v);
  }
}

/** Words of a call of the sums. */
@unmanaged
class Sum {
  x: usize;
  y: usize;
  count: u32;
}

/** Task: y[task] (float64) = the sum of the squares of 16,384 values. */
export function squaredParts(j: Sum, task: u32, scratch: usize): void {
  const end = min((task + 1) * VALUES, j.count);
  let i = task * VALUES;
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  for (; i + 8 <= end; i += 8) {
    const at = j.x + (<usize>i << 2);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    s0 = madd(a, a, s0);
    s1 = madd(b, b, s1);
  }
  let sum = <f64>sum4(f32x4.add(s0, s1));
  for (; i < end; i++) {
    const value = <f64>load<f32>(j.x + (<usize>i << 2));
    sum += value * value;
  }
  store<f64>(j.y + (<usize>task << 3), sum);
}

/** Task 0: y[0] (float32) = the sum of x (float64), from the first to the last. */
export function sumParts(j: Sum, task: u32, scratch: usize): void {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < j.count; i++) sum += load<f64>(j.x + (<usize>i << 3));
  store<f32>(j.y, <f32>sum);
}
