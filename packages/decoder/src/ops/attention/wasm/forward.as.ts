/** @file Attention, forward: softmax over the visible keys with a running maximum (Milakov and Gimelshein 2018). */
import { STEP, TILE_BYTES, multiplyPanels, packLeft, packRight, packRightTransposed } from '@arena/runtime/assembly/gemm';
import { exp4, log1, max4, sum4 } from '@arena/runtime/assembly/simd';
import { Arguments, Block, BLOCK_BYTES, KEYS, cap, fill, firstKey, gather, heightOf, scoreScale } from './tile.as';

const HIDDEN: f32 = -1e30;

/** Task: one block and key head; the blocks come in the order of `blocks`, their key heads next to each other. */
export function attention(j: Arguments, task: u32, scratch: usize): void {
  const block = changetype<Block>(j.blocks + <usize>(task / j.numKeyValueHeads) * BLOCK_BYTES);
  const head = <i32>(task % j.numKeyValueHeads);
  const group = j.numHeads / j.numKeyValueHeads;
  const dim = j.headDim;
  const dimBytes = <usize>dim << 2;
  const height = heightOf(block);
  const rows = group * height;
  const ldk = <usize>j.numKeyValueHeads * dimBytes;
  const ldo = (<usize>dim + 3 & ~3) << 2;
  const lds = <usize>KEYS << 2;
  const all = <usize>j.tileRows;
  // scratch: edge tile, q packed, scores, scores packed, keys or values packed, output rows, running maximum, running sum
  const tile = scratch;
  const queries = tile + TILE_BYTES;
  const scores = queries + all * dimBytes;
  const packed = scores + all * lds;
  const right = packed + all * lds;
  const out = right + <usize>KEYS * (dimBytes + STEP);
  const maxima = out + all * ldo;
  const sums = maxima + all * 4;

  gather(j, block, head, j.q, out);
  packLeft(out, dimBytes, rows, dim, queries, scoreScale(j));
  memory.fill(out, 0, <usize>rows * ldo);
  for (let r = 0; r < rows; r++) {
    store<f32>(maxima + (<usize>r << 2), HIDDEN);
    store<f32>(sums + (<usize>r << 2), 0);
  }
  for (let key = block.first; key < block.end; key += KEYS) {
    const count = min(KEYS, block.end - key);
    const offset = <usize>key * ldk + <usize>head * dimBytes;
    packRightTransposed(j.k + offset, ldk, dim, count, right);
    multiplyPanels(queries, right, scores, lds, rows, count, dim, false, tile);
    for (let r = 0; r < rows; r++) {
      const t = r % height;
      const row = scores + <usize>r * lds;
      if (t >= block.count) {
        fill(row, 0, count, 0);
        continue;
      }
      const token = load<i32>(j.rows + (<usize>(block.row + t) << 2));
      const from = max(firstKey(j.slidingWindow, block.start, token) - key, 0);
      const to = min(token + 1 - key, count);
      softmaxStep(j, row, from, to, count, out + <usize>r * ldo, ldo, maxima + (<usize>r << 2), sums + (<usize>r << 2));
    }
    packLeft(scores, lds, rows, count, packed, 1);
    packRight(j.v + offset, ldk, count, dim, right);
    multiplyPanels(packed, right, out, ldo, rows, dim, count, true, tile);
  }
  for (let r = 0; r < rows; r++) {
    const t = r % height;
    if (t >= block.count) continue;
    const at = <usize>(block.row + t) * j.numHeads + head * group + r / height;
    const sum = load<f32>(sums + (<usize>r << 2));
    store<f32>(j.lse + (at << 2), load<f32>(maxima + (<usize>r << 2)) + log1(sum));
    const from = out + <usize>r * ldo;
    const to = j.o + at * dimBytes;
    for (let i = 0; i < dim; i++) store<f32>(to + (<usize>i << 2), load<f32>(from + (<usize>i << 2)) / sum);
  }
}

/**
 * Turns a row of scaled products into exp(s - maximum) at its visible keys [from, to) and 0 elsewhere, and brings what
 * the row has summed so far to the new maximum.
 */
// @ts-ignore: decorator
@inline
function softmaxStep(
  j: Arguments, row: usize, from: i32, to: i32, count: i32, out: usize, outBytes: usize, maximum: usize, sum: usize,
): void {
  if (from >= to) {
    fill(row, 0, count, 0);
    return;
  }
  const start = from & ~3;
  const end = (to + 3) & ~3;
  for (let i = start; i < end; i += 4) {
    const at = row + (<usize>i << 2);
    v128.store(at, cap(v128.load(at), j.softcap));
  }
  fill(row, start, from, HIDDEN);
  fill(row, to, end, HIDDEN);
  let most = f32x4.splat(load<f32>(maximum));
  for (let i = start; i < end; i += 4) most = f32x4.pmax(most, v128.load(row + (<usize>i << 2)));
  const old = load<f32>(maximum);
  const now = max4(most);
  const level = f32x4.splat(now);
  for (let i = start; i < end; i += 4) {
    const at = row + (<usize>i << 2);
    v128.store(at, exp4(f32x4.sub(v128.load(at), level)));
  }
  fill(row, 0, from, 0);
  fill(row, to, max(end, count), 0);
  let added = f32x4.splat(0);
  for (let i = start; i < end; i += 4) added = f32x4.add(added, v128.load(row + (<usize>i << 2)));
  const before = load<f32>(sum);
  if (before > 0 && now > old) {
    const factor = exp4(f32x4.splat(old - now));
    for (let i: usize = 0; i < outBytes; i += 16) v128.store(out + i, f32x4.mul(v128.load(out + i), factor));
    store<f32>(sum, before * f32x4.extract_lane(factor, 0) + sum4(added));
  } else store<f32>(sum, before + sum4(added));
  store<f32>(maximum, now);
}
