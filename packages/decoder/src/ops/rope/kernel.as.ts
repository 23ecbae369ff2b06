/** @file Rotary position embedding with cosines and sines from a table. */

/** Rows that one task takes. */
const ROWS: i32 = 16;

/** Words of a call, as wasm.ts declares them. */
@unmanaged
class Arguments {
  x: usize;
  y: usize;
  positions: usize;
  /** [position][cosines of headDim / 2, then sines] */
  table: usize;
  tokens: i32;
  heads: i32;
  headDim: i32;
  /** 1, or -1 for the inverse rotation. */
  sign: f32;
}

/** Task: (a, b) -> (a cos - b sin, b cos + a sin) for the two halves of every head of 16 rows. */
export function rope(j: Arguments, task: u32, scratch: usize): void {
  const half = j.headDim >> 1;
  const halfBytes = <usize>half << 2;
  const sign = f32x4.splat(j.sign);
  const end = min(<i32>(task + 1) * ROWS, j.tokens);
  for (let row = <i32>task * ROWS; row < end; row++) {
    const position = <usize>load<i32>(j.positions + (<usize>row << 2));
    const cosines = j.table + position * 2 * halfBytes;
    const sines = cosines + halfBytes;
    let offset = <usize>row * j.heads * 2 * halfBytes;
    for (let head = 0; head < j.heads; head++) {
      const x1 = j.x + offset;
      const x2 = x1 + halfBytes;
      const y1 = j.y + offset;
      const y2 = y1 + halfBytes;
      let i = 0;
      for (; i + 4 <= half; i += 4) {
        const at = <usize>i << 2;
        const a = v128.load(x1 + at);
        const b = v128.load(x2 + at);
        const c = v128.load(cosines + at);
        const s = f32x4.mul(v128.load(sines + at), sign);
        v128.store(y1 + at, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
        v128.store(y2 + at, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
      }
      for (; i < half; i++) {
        const at = <usize>i << 2;
        const a = load<f32>(x1 + at);
        const b = load<f32>(x2 + at);
        const c = load<f32>(cosines + at);
        const s = load<f32>(sines + at) * j.sign;
        store<f32>(y1 + at, a * c - b * s);
        store<f32>(y2 + at, b * c + a * s);
      }
      offset += 2 * halfBytes;
    }
  }
}
