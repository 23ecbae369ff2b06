/** @file Dropout of a matrix by the counter-based mask of @arena/random. */

/** Values that one task takes. */
const VALUES: u32 = 16384;

/** Words of a call, as wasm.ts declares them. */
@unmanaged
class Arguments {
  x: usize;
  y: usize;
  count: u32;
  seed: u32;
  stream: u32;
  /** A value is kept when its hash is at least this. */
  threshold: u32;
  /** 1 / (1 - p) */
  factor: f32;
  accumulate: u32;
}

/** Task: y = mask x, or y += mask x, for 16,384 values. */
export function dropout(j: Arguments, task: u32, scratch: usize): void {
  const seed = i32x4.splat(j.seed);
  const stream = i32x4.splat(j.stream * 0x85ebca77);
  const threshold = i32x4.splat(j.threshold);
  const factor = f32x4.splat(j.factor);
  const first = task * VALUES;
  const end = min(first + VALUES, j.count);
  let index = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
  // the last vector may reach past the end: the heap rounds every allocation up to 64 bytes
  for (let i = first; i < end; i += 4) {
    let h = i32x4.add(i32x4.mul(index, i32x4.splat(0x9e3779b1)), seed);
    h = v128.xor(h, stream);
    h = v128.xor(h, i32x4.shr_u(h, 16));
    h = i32x4.mul(h, i32x4.splat(0x7feb352d));
    h = v128.xor(h, i32x4.shr_u(h, 15));
    h = i32x4.mul(h, i32x4.splat(0x846ca68b));
    h = v128.xor(h, i32x4.shr_u(h, 16));
    const kept = i32x4.ge_u(h, threshold);
    const at = <usize>i << 2;
    let y = v128.and(kept, f32x4.mul(v128.load(j.x + at), factor));
    if (j.accumulate) y = f32x4.add(v128.load(j.y + at), y);
    v128.store(j.y + at, y);
    index = i32x4.add(index, i32x4.splat(4));
  }
}
