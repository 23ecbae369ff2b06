/** @file Swiglu, four values at a time. */
import { exp4 } from '@arena/runtime/assembly/simd';

/** Values that one task takes. */
const VALUES: u32 = 8192;

/** Words of a call, as wasm.ts declares them. */
@unmanaged
class Arguments {
  gate: usize;
  up: usize;
  y: usize;
  count: u32;
}

/** Task: y = gate / (1 + exp(-gate)) up. The last vector may reach past the end: the heap rounds allocations up to 64 bytes. */
export function swiglu(j: Arguments, task: u32, scratch: usize): void {
  const one = f32x4.splat(1);
  const most = f32x4.splat(88); // what exp4 takes
  const end = min((task + 1) * VALUES, j.count);
  for (let i = task * VALUES; i < end; i += 4) {
    const at = <usize>i << 2;
    const x = v128.load(j.gate + at);
    const e = exp4(f32x4.pmin(f32x4.neg(x), most));
    v128.store(j.y + at, f32x4.mul(f32x4.div(x, f32x4.add(one, e)), v128.load(j.up + at)));
  }
}
