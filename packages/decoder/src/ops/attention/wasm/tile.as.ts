/**
 * @file What the forward and the backward pass of attention share. A block is a few query tokens of one sequence times
 * all query heads of one key head: its tile has `heads * height` rows, head after head, `height` being the tokens rounded
 * up to 4. Keys are met KEYS at a time, so that no score matrix larger than a tile times KEYS exists.
 */
import { exp4, madd, sum4, tanh4 } from '@arena/runtime/assembly/simd';

/** Keys of a step. */
export const KEYS: i32 = 128;

/** Words of a call, as wasm.ts declares them. */
@unmanaged
export class Arguments {
  q: usize;
  k: usize;
  v: usize;
  o: usize;
  lse: usize;
  rows: usize;
  /** {@link Block} after block. */
  blocks: usize;
  numHeads: i32;
  numKeyValueHeads: i32;
  headDim: i32;
  scale: f32;
  softcap: f32;
  slidingWindow: i32;
  /** Largest number of rows of a tile. */
  tileRows: i32;
}

/** Query rows [row, row + count) of a sequence that starts at token `start`, and the keys [first, end) that they see. */
@unmanaged
export class Block {
  row: i32;
  count: i32;
  start: i32;
  first: i32;
  end: i32;
}

/** Bytes of a block in memory. */
export const BLOCK_BYTES: usize = 20;

/** A tile of a block and key head. */
// @ts-ignore: decorator
@inline
export function heightOf(block: Block): i32 {
  return (block.count + 3) & ~3;
}

/** Copies the rows of one key head's query heads out of [Q, numHeads * headDim]; rows that fill up to 4 become zeros. */
export function gather(j: Arguments, block: Block, head: i32, source: usize, target: usize): void {
  const group = j.numHeads / j.numKeyValueHeads;
  const bytes = <usize>j.headDim << 2;
  const height = heightOf(block);
  for (let g = 0; g < group; g++) {
    for (let t = 0; t < height; t++) {
      if (t < block.count) memory.copy(target, source + (<usize>(block.row + t) * j.numHeads + head * group + g) * bytes, bytes);
      else memory.fill(target, 0, bytes);
      target += bytes;
    }
  }
}

/** First key that a query token of the sequence from `start` sees. */
// @ts-ignore: decorator
@inline
export function firstKey(window: i32, start: i32, token: i32): i32 {
  return window ? max(start, token - window + 1) : start;
}

/** softcap * tanh(z), or z without a cap. z was scaled by 1 / softcap when its left operand was packed. */
// @ts-ignore: decorator
@inline
export function cap(z: v128, softcap: f32): v128 {
  return softcap > 0 ? f32x4.mul(tanh4(z), f32x4.splat(softcap)) : z;
}

/** Factor on q when it is packed for q k^T. */
// @ts-ignore: decorator
@inline
export function scoreScale(j: Arguments): f32 {
  return j.softcap > 0 ? j.scale / j.softcap : j.scale;
}

/**
 * From scaled products and dP to P and scale * dS (1 - tanh^2) at the keys [from, to) of one row. `product` is the row's
 * dO o.
 */
// @ts-ignore: decorator
@inline
export function scoreGradients(
  p: usize, ds: usize, from: i32, to: i32, lse: f32, product: f32, factor: f32, softcap: f32,
): void {
  const level = f32x4.splat(lse);
  const mean = f32x4.splat(product);
  const scale = f32x4.splat(factor);
  const inverse = f32x4.splat(softcap > 0 ? 1 / softcap : 0);
  for (let i = from & ~3; i < to; i += 4) {
    const at = <usize>i << 2;
    const s = cap(v128.load(p + at), softcap);
    const t = f32x4.mul(s, inverse);
    const slope = f32x4.mul(f32x4.sub(f32x4.splat(1), f32x4.mul(t, t)), scale);
    const weight = exp4(f32x4.pmin(f32x4.sub(s, level), f32x4.splat(88)));
    v128.store(p + at, weight);
    v128.store(ds + at, f32x4.mul(f32x4.mul(weight, f32x4.sub(v128.load(ds + at), mean)), slope));
  }
}

/** Sum of the products of two rows. */
export function dot(a: usize, b: usize, count: i32): f32 {
  let sums = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= count; i += 4) sums = madd(v128.load(a + (<usize>i << 2)), v128.load(b + (<usize>i << 2)), sums);
  let sum = sum4(sums);
  for (; i < count; i++) sum += load<f32>(a + (<usize>i << 2)) * load<f32>(b + (<usize>i << 2));
  return sum;
}

/** Sets elements [from, to) of a row of floats. */
// @ts-ignore: decorator
@inline
export function fill(row: usize, from: i32, to: i32, value: f32): void {
  for (let i = from; i < to; i++) store<f32>(row + (<usize>i << 2), value);
}
