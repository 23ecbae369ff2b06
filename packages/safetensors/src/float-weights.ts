/** @file Tensors of another format's types as floats, so that they can be written to a safetensors file. */
import type { StoredTensor, Weights } from '@arena/files';
import { isDtype, tensorBytes } from './dtype.js';
import { type FloatDtype, fromFloat32 } from './float.js';

/** Most bytes of a tensor that are made at a time; a row at least. */
const PART_BYTES = 2 ** 24;

/**
 * A view of a model whose tensors are all of types that safetensors has: those of others (blocks of ggml in a GGUF file)
 * are given as `dtype`, made of their values some rows at a time when they are read.
 */
export function floatWeights(weights: Weights, dtype: FloatDtype = 'F32'): Weights {
  const tensors = new Map<string, StoredTensor>();
  const made = new Set<string>();
  for (const [name, entry] of weights.tensors) {
    if (isDtype(entry.stored)) {
      tensors.set(name, entry);
      continue;
    }
    made.add(name);
    tensors.set(name, { shape: entry.shape, stored: dtype, bytes: tensorBytes(dtype, entry.shape)! });
  }
  return {
    place: weights.place,
    tensors,
    readFloat32: (name, rows) => weights.readFloat32(name, rows),
    async *readStored(name) {
      if (!made.has(name)) {
        yield* weights.readStored(name);
        return;
      }
      const { shape, bytes } = tensors.get(name)!;
      if (shape.length < 2) {
        yield fromFloat32(await weights.readFloat32(name), dtype);
        return;
      }
      const [rows] = shape;
      const step = Math.max(1, Math.floor(PART_BYTES / (bytes / rows)));
      for (let row = 0; row < rows; row += step) {
        yield fromFloat32(await weights.readFloat32(name, [row, Math.min(rows, row + step)]), dtype);
      }
    },
    close: () => weights.close(),
  };
}
