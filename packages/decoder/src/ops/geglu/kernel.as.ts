/** @file The gated activation and its gradient, four values at a time. */
import { madd, tanh4 } from '@arena/runtime/assembly/simd';

/** Values that one task takes. */
const VALUES: u32 = 8192;
/** sqrt(2 / pi) */
const C: f32 = 0.7978845608028654;
const A: f32 = 0.044715;

@unmanaged
class Forward {
  gate: usize;
  up: usize;
  y: usize;
  count: u32;
}

@unmanaged
class Backward {
  dy: usize;
  gate: usize;
  up: usize;
  dgate: usize;
  dup: usize;
  count: u32;
}

// the last vector of either kernel may reach past the end: the heap rounds every allocation up to 64 bytes

/** tanh(c (x + a x^3)) */
// @ts-ignore: decorator
@inline
function innerTanh(x: v128): v128 {
  const cubic = madd(f32x4.mul(x, x), f32x4.splat(A), f32x4.splat(1));
  return tanh4(f32x4.mul(f32x4.mul(x, cubic), f32x4.splat(C)));
}

/** Task: y = gelu_tanh(gate) up. */
export function geglu(j: Forward, task: u32, scratch: usize): void {
  const end = min((task + 1) * VALUES, j.count);
  for (let i = task * VALUES; i < end; i += 4) {
    const at = <usize>i << 2;
    const x = v128.load(j.gate + at);
    const cdf = f32x4.mul(f32x4.add(innerTanh(x), f32x4.splat(1)), f32x4.splat(0.5));
    v128.store(j.y + at, f32x4.mul(f32x4.mul(x, cdf), v128.load(j.up + at)));
  }
}

/** Task: dgate = dy up gelu'(gate), dup = dy gelu(gate). */
export function gegluBackward(j: Backward, task: u32, scratch: usize): void {
  const one = f32x4.splat(1);
  const end = min((task + 1) * VALUES, j.count);
  for (let i = task * VALUES; i < end; i += 4) {
    const at = <usize>i << 2;
    const x = v128.load(j.gate + at);
    const dy = v128.load(j.dy + at);
    const t = innerTanh(x);
    const cdf = f32x4.mul(f32x4.add(t, one), f32x4.splat(0.5));
    const slope = madd(f32x4.mul(x, x), f32x4.splat(1.5 * A * C), f32x4.splat(0.5 * C));
    const derivative = madd(f32x4.mul(x, f32x4.sub(one, f32x4.mul(t, t))), slope, cdf);
    v128.store(j.dgate + at, f32x4.mul(f32x4.mul(dy, v128.load(j.up + at)), derivative));
    v128.store(j.dup + at, f32x4.mul(dy, f32x4.mul(x, cdf)));
  }
}
