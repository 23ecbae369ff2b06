/** @file Token embeddings off the device: rows are read out of the checkpoint as batches need them. */

import type { Weights } from '@arena/files';
import { DecoderError } from './error.js';

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
      for (let i = 0; i < ids.length; i++) {
        let row = cache.get(ids[i]);
        if (!row) {
          row = await weights.readFloat32(name, [ids[i], ids[i] + 1]);
          if (cache.size >= capacity) cache.delete(cache.keys().next().value!);
          cache.set(ids[i], row);
        }
        for (let j = 0; j < hiddenSize; j++) out[i * hiddenSize + j] = row[j] * scale;
      }
      return out;
    },
  };
}
