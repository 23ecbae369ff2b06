/**
 * @file Between the products of attention where a native library multiplies: softmax of a tile's rows, and its gradient.
 * A tile is query rows of one sequence times one query head; its scores are [count, stride], and zero beyond what a row
 * sees.
 */
import { exp4, log1, max4, sum4 } from '@arena/runtime/assembly/simd';
import { cap, dot, fill, firstKey, scoreGradients } from './tile.as';

const HIDDEN: f32 = -1e30;

/** Words of both calls. */
@unmanaged
class ScoreArguments {
  rows: usize;
  /** {@link Tile} after tile. */
  tiles: usize;
  /** Scaled products q k^T, over the soft cap where there is one; then P. */
  scores: usize;
  lse: usize;
  numHeads: i32;
  softcap: f32;
  slidingWindow: i32;
}

@unmanaged
class ScoreGradientArguments extends ScoreArguments {
  /** dO v^T, then scale * dS (1 - tanh^2). */
  gradients: usize;
  o: usize;
  gradient: usize;
  headDim: i32;
  scale: f32;
}

/** Query rows [row, row + count) of a sequence that starts at `start`, and the keys [first, first + keys) that they see. */
@unmanaged
class Tile {
  row: i32;
  count: i32;
  start: i32;
  first: i32;
  keys: i32;
  head: i32;
  /** Floats before its scores, and floats of a row: a multiple of 4. */
  at: u32;
  stride: i32;
}

const TILE_WORDS_BYTES: usize = 32;

/** Task: a tile's products become probabilities, and lse is written. */
export function attentionScores(j: ScoreArguments, task: u32, scratch: usize): void {
  const tile = changetype<Tile>(j.tiles + <usize>task * TILE_WORDS_BYTES);
  for (let r = 0; r < tile.count; r++) {
    const row = j.scores + (<usize>tile.at + <usize>r * tile.stride << 2);
    const token = load<i32>(j.rows + (<usize>(tile.row + r) << 2));
    const from = firstKey(j.slidingWindow, tile.start, token) - tile.first;
    const to = token + 1 - tile.first;
    const begin = from & ~3;
    const end = (to + 3) & ~3;
    let most = f32x4.splat(HIDDEN);
    for (let i = begin; i < end; i += 4) {
      const at = row + (<usize>i << 2);
      v128.store(at, cap(v128.load(at), j.softcap));
    }
    fill(row, begin, from, HIDDEN);
    fill(row, to, end, HIDDEN);
    for (let i = begin; i < end; i += 4) most = f32x4.pmax(most, v128.load(row + (<usize>i << 2)));
    const maximum = max4(most);
    const level = f32x4.splat(maximum);
    let sums = f32x4.splat(0);
    for (let i = begin; i < end; i += 4) {
      const at = row + (<usize>i << 2);
      const weight = exp4(f32x4.sub(v128.load(at), level));
      v128.store(at, weight);
      sums = f32x4.add(sums, weight);
    }
    const sum = sum4(sums);
    const inverse = f32x4.splat(1 / sum);
    for (let i = begin; i < end; i += 4) {
      const at = row + (<usize>i << 2);
      v128.store(at, f32x4.mul(v128.load(at), inverse));
    }
    fill(row, 0, begin, 0);
    fill(row, end, tile.keys, 0);
    store<f32>(j.lse + (<usize>((tile.row + r) * j.numHeads + tile.head) << 2), maximum + log1(sum));
  }
}

/** Task: a tile's products become P, and dP becomes the gradient of the products. */
export function attentionScoreGradients(j: ScoreGradientArguments, task: u32, scratch: usize): void {
  const tile = changetype<Tile>(j.tiles + <usize>task * TILE_WORDS_BYTES);
  for (let r = 0; r < tile.count; r++) {
    const offset = <usize>tile.at + <usize>r * tile.stride << 2;
    const p = j.scores + offset;
    const ds = j.gradients + offset;
    const token = load<i32>(j.rows + (<usize>(tile.row + r) << 2));
    const from = firstKey(j.slidingWindow, tile.start, token) - tile.first;
    const to = token + 1 - tile.first;
    const at = <usize>((tile.row + r) * j.numHeads + tile.head) << 2;
    const vector = at * <usize>j.headDim;
    const product = dot(j.gradient + vector, j.o + vector, j.headDim);
    scoreGradients(p, ds, from, to, load<f32>(j.lse + at), product, j.scale, j.softcap);
    fill(p, 0, from, 0);
    fill(ds, 0, from, 0);
    fill(p, to, tile.keys, 0);
    fill(ds, to, tile.keys, 0);
  }
}
