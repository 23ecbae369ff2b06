/** @file Token embeddings off the device: rows are read out of the checkpoint as batches need them. */

import type { Weights } from '@arena/files';
import { DecoderError } from './error.js';

/** Rows that are read at a time: one after the other, each would wait for the disk or the server. */
const READS = 64;

/** A table of token embeddings [vocabSize, hiddenSize] on the host. */
export interface EmbeddingTable {
  vocabSize: number;
  hiddenSize: number;
  /**
   * Rows of the given ids times `scale`, in float32. [ids.length, hiddenSize]
   * @throws DecoderError for an id outside the table.
   */
  gather(ids: Int32Array, scale: number): Promise<Float32Array>;
}

/**
 * The table that a model holds under `name`. Rows are read when first met and kept, up to `cacheBytes`; the oldest go first.
 */
export function checkpointEmbedding(
  weights: Weights,
  name: string,
  { cacheBytes = 256e6 }: { cacheBytes?: number } = {},
): EmbeddingTable {
  const [vocabSize, hiddenSize] = weights.tensors.get(name)!.shape;
  const cache = new Map<number, Float32Array>();
  const capacity = Math.max(1, Math.floor(cacheBytes / (4 * hiddenSize)));

  async function rowsOf(ids: Set<number>): Promise<Map<number, Float32Array>> {
    const rows = new Map<number, Float32Array>();
    const missing: number[] = [];
    for (const id of ids) {
      const row = cache.get(id);
      if (row) rows.set(id, row);
      else missing.push(id);
    }
    for (let at = 0; at < missing.length; at += READS) {
      const some = missing.slice(at, at + READS);
      const read = await Promise.all(some.map((id) => weights.readFloat32(name, [id, id + 1])));
      for (const [i, row] of read.entries()) {
        rows.set(some[i], row);
        if (cache.size >= capacity) cache.delete(cache.keys().next().value!);
        cache.set(some[i], row);
      }
    }
    return rows;
  }

  return {
    vocabSize,
    hiddenSize,
    async gather(ids, scale) {
      const out = new Float32Array(ids.length * hiddenSize);
      for (const id of new Set(ids)) {
        if (id < 0 || id >= vocabSize) {
          throw new DecoderError(
            'batch',
            `token id ${id} is outside the vocabulary of ${vocabSize}: the tokenizer is another model's`,
          );
        }
      }
      const rows = await rowsOf(new Set(ids));
      for (let i = 0; i < ids.length; i++) {
        const row = rows.get(ids[i])!;
        for (let j = 0; j < hiddenSize; j++) out[i * hiddenSize + j] = row[j] * scale;
      }
      return out;
    },
  };
}
