/**
 * @file Attention where the pool has a native library: it multiplies tiles of query rows by all their keys, and our
 * kernels make probabilities and gradients of the scores between. A few MB of scores exist at a time.
 */

import { type NativeMatrices, packWords, type WasmBackend, wasmKernel } from '@arena/runtime/wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { kernels } from '../../../wasm/kernels.generated.js';
import type { AttentionAttrs } from '../attrs.js';
import type { Sequence } from './cut.js';

const words = { numHeads: 'i32', softcap: 'f32', slidingWindow: 'i32' } as const;

const softmax = wasmKernel({
  module: kernels,
  name: 'attentionScores',
  inputs: ['rows', 'tiles'],
  outputs: ['scores', 'lse'],
  params: words,
});

const softmaxGradient = wasmKernel({
  module: kernels,
  name: 'attentionScoreGradients',
  inputs: ['rows', 'tiles', 'lse', 'o', 'gradient'],
  outputs: ['scores', 'gradients'],
  params: { ...words, headDim: 'i32', scale: 'f32' },
});

/** Query tokens of a tile. */
export const NATIVE_TOKENS = 128;
/** Query tokens of a sequence, on average, from which the library is faster. */
const LEAST_TOKENS = 64;
/** Floats of scores of a chunk, unless one tile has more. */
const CHUNK = 2 ** 20;
/** Keys of one task that sums dk and dv. */
const PIECE = 256;

/** Query rows [row, row + count) of a sequence that starts at `start`, times one head; as the kernels' record has it. */
type Tile = { [word in keyof (typeof softmax)['records']['Tile']]: number };

type Inputs = { [name: string]: TensorInfo };

/** Whether the library takes the attention of so many query rows of so many sequences. */
export function nativeAttends({ pool }: WasmBackend, rows: number, sequences: number): boolean {
  return pool.native !== undefined && rows >= LEAST_TOKENS * sequences;
}

/** o [Q, numHeads headDim] and lse [Q, numHeads]. */
export function attentionNative(
  backend: WasmBackend,
  inputs: Inputs,
  attrs: AttentionAttrs,
  sequences: Sequence[],
): TensorInfo[] {
  const { numHeads, softcap, slidingWindow } = attrs;
  const places = placesOf(backend, inputs, attrs);
  const { pointer: o, ...oInfo } = backend.output(inputs.q.shape);
  const { pointer: lse, ...lseInfo } = backend.output([inputs.q.shape[0], numHeads]);
  for (const tiles of chunksOf(sequences, attrs)) {
    withTiles(backend, tiles, 1, (pointer, [scores]) => {
      backend.pool.runNativeChains(tiles.map((tile) => [places.products(tile, scores, places.q, places.k)]));
      backend.run(softmax, {
        inputs: { rows: inputs.rows, tiles: pointer },
        outputs: { scores, lse },
        params: { numHeads, softcap, slidingWindow },
        tasks: tiles.length,
      });
      backend.pool.runNativeChains(tiles.map((tile) => [places.mixed(tile, scores, places.v, o)]));
    });
  }
  return [oInfo, lseInfo];
}

/**
 * dq, dk and dv. With S = scale q k^T, t = tanh(S / cap), P = softmax(cap t), o = P v:
 * dv = P^T do; dP = do v^T; dS = P (dP - do o) (1 - t^2); dq = scale dS k; dk = scale dS^T q.
 */
export function attentionBackwardNative(
  backend: WasmBackend,
  inputs: Inputs,
  attrs: AttentionAttrs,
  sequences: Sequence[],
): TensorInfo[] {
  const { numHeads, headDim, scale, softcap, slidingWindow } = attrs;
  const { k: keyed, lse, o, rows } = inputs;
  const places = placesOf(backend, inputs, attrs);
  const gradient = backend.pointer(inputs.do);
  const { pointer: dq, ...dqInfo } = backend.output(inputs.q.shape);
  const { pointer: dk, ...dkInfo } = backend.output(keyed.shape);
  const { pointer: dv, ...dvInfo } = backend.output(keyed.shape);
  for (const pointer of [dk, dv]) backend.heap.view(pointer, keyed.shape[0] * keyed.shape[1], 'float32').fill(0);
  for (const tiles of chunksOf(sequences, attrs)) {
    withTiles(backend, tiles, 2, (pointer, [scores, gradients]) => {
      backend.pool.runNativeChains([
        ...tiles.map((tile) => [places.products(tile, scores, places.q, places.k)]),
        ...tiles.map((tile) => [{ ...places.products(tile, gradients, gradient, places.v), alpha: 1 }]),
      ]);
      backend.run(softmaxGradient, {
        inputs: { rows, tiles: pointer, lse, o, gradient },
        outputs: { scores, gradients },
        params: { numHeads, headDim, scale, softcap, slidingWindow },
        tasks: tiles.length,
      });
      const pieces = piecesOf(tiles, attrs);
      backend.pool.runNativeChains([
        ...pieces.map((piece) => piece.map((part) => places.summed(part, scores, gradient, dv))),
        ...pieces.map((piece) => piece.map((part) => places.summed(part, gradients, places.q, dk))),
        ...tiles.map((tile) => [places.mixed(tile, gradients, places.k, dq)]),
      ]);
    });
  }
  return [dqInfo, dkInfo, dvInfo];
}

/** Keys [from, to) that rows of a tile see. */
interface Part {
  tile: Tile;
  from: number;
  to: number;
}

/** The addresses of the inputs, and the products with parts of them. */
function placesOf(backend: WasmBackend, inputs: Inputs, { numHeads, numKeyValueHeads, ...attrs }: AttentionAttrs) {
  const { headDim, scale, softcap } = attrs;
  const [wide, narrow] = [numHeads * headDim, numKeyValueHeads * headDim];
  const queries = ({ row, head }: Tile) => 4 * (row * wide + head * headDim);
  const keys = (token: number, { head }: Tile) =>
    4 * (token * narrow + Math.floor((head * numKeyValueHeads) / numHeads) * headDim);
  const plain = { transposeA: false, transposeB: false, accumulate: false, alpha: 1, half: false };
  return {
    q: backend.pointer(inputs.q),
    k: backend.pointer(inputs.k),
    v: backend.pointer(inputs.v),
    /** scores = alpha x y^T: of rows like q and keys. */
    products: (tile: Tile, scores: number, x: number, y: number): NativeMatrices => ({
      ...plain,
      a: x + queries(tile),
      lda: wide,
      b: y + keys(tile.first, tile),
      ldb: narrow,
      transposeB: true,
      c: scores + 4 * tile.at,
      ldc: tile.stride,
      m: tile.count,
      n: tile.keys,
      k: headDim,
      alpha: softcap > 0 ? scale / softcap : scale,
    }),
    /** Rows like q = scores y. */
    mixed: (tile: Tile, scores: number, y: number, to: number): NativeMatrices => ({
      ...plain,
      a: scores + 4 * tile.at,
      lda: tile.stride,
      b: y + keys(tile.first, tile),
      ldb: narrow,
      c: to + queries(tile),
      ldc: wide,
      m: tile.count,
      n: headDim,
      k: tile.keys,
    }),
    /** Rows like k += scores^T x. */
    summed: ({ tile, from, to: end }: Part, scores: number, x: number, to: number): NativeMatrices => ({
      ...plain,
      a: scores + 4 * (tile.at + from - tile.first),
      lda: tile.stride,
      transposeA: true,
      b: x + queries(tile),
      ldb: wide,
      c: to + keys(from, tile),
      ldc: narrow,
      m: end - from,
      n: headDim,
      k: tile.count,
      accumulate: true,
    }),
  };
}

/** All tiles, in chunks: sequence by sequence, and there key head by key head. */
function chunksOf(sequences: Sequence[], { numHeads, numKeyValueHeads }: AttentionAttrs): Tile[][] {
  const chunks: Tile[][] = [];
  const group = numHeads / numKeyValueHeads;
  let floats = CHUNK;
  for (const { start, blocks } of sequences) {
    for (let first = 0; first < numHeads; first += group) {
      for (const block of blocks) {
        const keys = block.end - block.first;
        const stride = Math.ceil(keys / 4) * 4;
        for (let head = first; head < first + group; head++) {
          if (floats + block.count * stride > CHUNK) {
            chunks.push([]);
            floats = 0;
          }
          const { row, count, first: firstKey } = block;
          chunks[chunks.length - 1].push({ row, count, start, first: firstKey, keys, head, at: floats, stride });
          floats += count * stride;
        }
      }
    }
  }
  return chunks;
}

/** The parts of the tiles by key head and by PIECE keys, which no two tasks share. */
function piecesOf(tiles: Tile[], { numHeads, numKeyValueHeads }: AttentionAttrs): Part[][] {
  const pieces = new Map<string, Part[]>();
  for (const tile of tiles) {
    const { start, first, keys, head } = tile;
    const end = first + keys;
    for (let from = first; from < end; ) {
      const piece = Math.floor((from - start) / PIECE);
      const to = Math.min(end, start + (piece + 1) * PIECE);
      const name = `${start} ${Math.floor((head * numKeyValueHeads) / numHeads)} ${piece}`;
      const parts = pieces.get(name) ?? [];
      pieces.set(name, parts);
      parts.push({ tile, from, to });
      from = to;
    }
  }
  return [...pieces.values()];
}

/** Runs `body` with the addresses of the tiles' words and of so many buffers for their scores. */
function withTiles(
  backend: WasmBackend,
  tiles: Tile[],
  buffers: number,
  body: (tiles: number, scores: number[]) => void,
): void {
  const last = tiles[tiles.length - 1];
  const floats = Math.ceil((last.at + last.count * last.stride) / 16) * 16;
  const record = tiles.flatMap((tile) => packWords(softmax.records.Tile, tile));
  backend.withMemory(4 * (buffers * floats + record.length), (pointer) => {
    const words = pointer + 4 * buffers * floats;
    (backend.heap.view(words, record.length, 'int32') as Int32Array).set(record);
    body(
      words,
      Array.from({ length: buffers }, (_, i) => pointer + 4 * i * floats),
    );
  });
}
