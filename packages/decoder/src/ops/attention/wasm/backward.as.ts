/**
 * @file Attention, backward: P = exp(s - lse) is formed anew for one tile and KEYS keys at a time. A part is a share of a
 * sequence's blocks and one key head; its dk and dv go to a copy of its own, and `addCopies` sums the copies in a fixed
 * order, so that the result does not depend on which thread was faster.
 */
import {
  STEP, TILE_BYTES, multiplyPanels, packLeft, packLeftTransposed, packRight, packRightTransposed,
} from '@arena/runtime/assembly/gemm';
import {
  Arguments, Block, BLOCK_BYTES, KEYS, dot, fill, firstKey, gather, heightOf, scoreGradients, scoreScale,
} from './tile.as';

/** What the backward pass takes beside the words of the forward one. */
@unmanaged
class BackwardArguments extends Arguments {
  gradient: usize;
  dq: usize;
  dk: usize;
  dv: usize;
  /** {@link Part} after part. */
  parts: usize;
  tokens: i32;
}

/** Blocks first, first + stride, ... below end, of tokens [start, stop); results go to the given copy of dk and dv. */
@unmanaged
class Part {
  first: i32;
  end: i32;
  stride: i32;
  start: i32;
  stop: i32;
  copy: i32;
}

const PART_BYTES: usize = 24;

/** Floats that one task of {@link addCopies} takes. */
const SUM_VALUES: u32 = 16384;

/** Task: one part and key head. */
export function attentionBackward(j: BackwardArguments, task: u32, scratch: usize): void {
  const part = changetype<Part>(j.parts + <usize>(task / j.numKeyValueHeads) * PART_BYTES);
  const head = <i32>(task % j.numKeyValueHeads);
  const dimBytes = <usize>j.headDim << 2;
  const ldk = <usize>j.numKeyValueHeads * dimBytes;
  const offset = <usize>part.copy * j.tokens * ldk + <usize>head * dimBytes;
  for (let token = part.start; token < part.stop; token++) {
    const at = offset + <usize>token * ldk;
    memory.fill(j.dk + at, 0, dimBytes);
    memory.fill(j.dv + at, 0, dimBytes);
  }
  for (let i = part.first; i < part.end; i += part.stride) {
    const block = changetype<Block>(j.blocks + <usize>i * BLOCK_BYTES);
    backwardBlock(j, block, head, j.dk + offset, j.dv + offset, scratch);
  }
}

function backwardBlock(j: BackwardArguments, block: Block, head: i32, dk: usize, dv: usize, scratch: usize): void {
  const group = j.numHeads / j.numKeyValueHeads;
  const dim = j.headDim;
  const dimBytes = <usize>dim << 2;
  const height = heightOf(block);
  const rows = group * height;
  const ldk = <usize>j.numKeyValueHeads * dimBytes;
  const ldq = <usize>j.numHeads * dimBytes;
  const lds = <usize>KEYS << 2;
  const all = <usize>j.tileRows;
  const matrix = all * (dimBytes + STEP); // the last panel of columns may be part empty
  // scratch: edge tile, q and do packed as left and as right operands, P, dS, packed left and right operands, D
  const tile = scratch;
  const leftQ = tile + TILE_BYTES;
  const leftG = leftQ + matrix;
  const rightQ = leftG + matrix;
  const rightG = rightQ + matrix;
  const p = rightG + matrix;
  const ds = p + all * lds;
  const left = ds + all * lds;
  const right = left + all * lds;
  const products = right + <usize>KEYS * (dimBytes + STEP);

  gather(j, block, head, j.q, right);
  packLeft(right, dimBytes, rows, dim, leftQ, scoreScale(j));
  packRight(right, dimBytes, rows, dim, rightQ);
  gather(j, block, head, j.gradient, right);
  packLeft(right, dimBytes, rows, dim, leftG, 1);
  packRight(right, dimBytes, rows, dim, rightG);
  for (let r = 0; r < rows; r++) {
    if (r % height >= block.count) continue;
    const at = (<usize>(block.row + r % height) * j.numHeads + head * group + r / height) * dimBytes;
    store<f32>(products + (<usize>r << 2), dot(j.gradient + at, j.o + at, dim));
  }
  for (let key = block.first; key < block.end; key += KEYS) {
    const count = min(KEYS, block.end - key);
    const offset = <usize>key * ldk + <usize>head * dimBytes;
    packRightTransposed(j.k + offset, ldk, dim, count, right);
    multiplyPanels(leftQ, right, p, lds, rows, count, dim, false, tile);
    packRightTransposed(j.v + offset, ldk, dim, count, right);
    multiplyPanels(leftG, right, ds, lds, rows, count, dim, false, tile);
    for (let r = 0; r < rows; r++) {
      const t = r % height;
      const rowP = p + <usize>r * lds;
      const rowS = ds + <usize>r * lds;
      let from = 0;
      let to = 0;
      if (t < block.count) {
        const token = load<i32>(j.rows + (<usize>(block.row + t) << 2));
        from = max(firstKey(j.slidingWindow, block.start, token) - key, 0);
        to = max(min(token + 1 - key, count), from);
        const at = <usize>(block.row + t) * j.numHeads + head * group + r / height;
        const product = load<f32>(products + (<usize>r << 2));
        scoreGradients(rowP, rowS, from, to, load<f32>(j.lse + (at << 2)), product, j.scale, j.softcap);
      }
      fill(rowP, 0, from, 0);
      fill(rowS, 0, from, 0);
      fill(rowP, to, count, 0);
      fill(rowS, to, count, 0);
    }
    // dv += P^T do, dk += dS^T q
    packLeftTransposed(p, lds, count, rows, left, 1);
    multiplyPanels(left, rightG, dv + <usize>key * ldk, ldk, count, dim, rows, true, tile);
    packLeftTransposed(ds, lds, count, rows, left, 1);
    multiplyPanels(left, rightQ, dk + <usize>key * ldk, ldk, count, dim, rows, true, tile);
    // dq += dS k
    packLeft(ds, lds, rows, count, left, 1);
    packRight(j.k + offset, ldk, count, dim, right);
    for (let g = 0; g < group; g++) {
      const dq = j.dq + <usize>block.row * ldq + <usize>(head * group + g) * dimBytes;
      const a = left + <usize>(g * height) * (<usize>count << 2);
      multiplyPanels(a, right, dq, ldq, block.count, dim, count, key > block.first, tile);
    }
  }
}

/** Words of a call of {@link addCopies}. */
@unmanaged
class Sum {
  source: usize;
  target: usize;
  /** Floats of one copy. */
  count: u32;
  copies: i32;
}

/** Task: 16,384 floats of target = the sum of all copies, from the first to the last. */
export function addCopies(j: Sum, task: u32, scratch: usize): void {
  const end = min((task + 1) * SUM_VALUES, j.count);
  for (let i = task * SUM_VALUES; i < end; i++) {
    let at = j.source + (<usize>i << 2);
    let sum: f32 = 0;
    for (let copy = 0; copy < j.copies; copy++) {
      sum += load<f32>(at);
      at += <usize>j.count << 2;
    }
    store<f32>(j.target + (<usize>i << 2), sum);
  }
}
