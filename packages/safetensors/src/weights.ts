/** @file The tensors of a checkpoint, and views with some of them changed. */
import type { Location, StoredTensor, Weights } from '@arena/files';
import { joined, placeName } from '@arena/files/source';
import { type CheckpointOptions, openCheckpoint } from './checkpoint.js';
import { tensorBytes } from './dtype.js';
import { SafetensorsError } from './error.js';
import { toFloat32 } from './float.js';
import { checkRows, entryOf, type TensorReader } from './reader.js';
import { partsOfInput, type TensorInput } from './write-file.js';

/** Most bytes to read at a time for stored data, if the rows allow it. */
const PART_BYTES = 2 ** 26;

/**
 * Opens a checkpoint for a loader or an export: {@link openCheckpoint} as `Weights`.
 * @throws SafetensorsError as `openCheckpoint`.
 * @example
 * const weights = await openWeights('gemma-2-2b');
 * const rows = await weights.readFloat32('model.embed_tokens.weight', [0, 16]);
 * await weights.close();
 */
export async function openWeights(location: Location, options: CheckpointOptions = {}): Promise<Weights> {
  return checkpointWeights(await openCheckpoint(location, options), placeName(location));
}

/**
 * The tensors of an open file or checkpoint. Closing the result closes it.
 * @param place Name in messages.
 * @param partBytes Most bytes of a tensor in memory when reading stored data; at least a row. Default 64 MB.
 */
export function checkpointWeights(checkpoint: TensorReader, place: string, partBytes = PART_BYTES): Weights {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, begin, end }] of checkpoint.tensors) {
    tensors.set(name, { shape, stored: dtype, bytes: end - begin });
  }
  return {
    place,
    tensors,
    async readFloat32(name, rows) {
      return toFloat32(rows ? await checkpoint.readRows(name, ...rows) : await checkpoint.read(name));
    },
    async *readStored(name) {
      const { shape, bytes } = entryOf(tensors, name, place);
      const [rows] = shape;
      if (bytes <= partBytes || rows === undefined) {
        yield (await checkpoint.read(name)).data;
        return;
      }
      const some = Math.max(1, Math.floor((partBytes * rows) / bytes));
      for (let row = 0; row < rows; row += some) {
        yield (await checkpoint.readRows(name, row, Math.min(rows, row + some))).data;
      }
    },
    close: () => checkpoint.close(),
  };
}

/**
 * A view of a model's tensors. Closing it closes the model's.
 * @param tensors All tensors of the view, in order: the name of an unchanged tensor, or a tensor that replaces another
 * or is new. Functions that make data are called at each read.
 * @throws SafetensorsError for a name that `weights` does not have, or an invalid shape.
 */
export function weightsView(weights: Weights, tensors: readonly (string | TensorInput)[]): Weights {
  const { place } = weights;
  const held = new Map<string, StoredTensor>();
  const made = new Map<string, TensorInput>();
  for (const one of tensors) {
    if (typeof one === 'string') {
      held.set(one, entryOf(weights.tensors, one, place));
      continue;
    }
    const { name, dtype, shape } = one;
    const bytes = tensorBytes(dtype, shape);
    if (bytes === undefined)
      throw new SafetensorsError('argument', `${dtype} [${shape.join(', ')}] is not a shape`, place, name);
    held.set(name, { shape: [...shape], stored: dtype, bytes });
    made.set(name, one);
  }
  return {
    place,
    tensors: held,
    async readFloat32(name, rows) {
      const { shape } = entryOf(held, name, place);
      const tensor = made.get(name);
      if (!tensor) return weights.readFloat32(name, rows);
      const parts: Uint8Array[] = [];
      for await (const part of partsOfInput(tensor)) parts.push(part);
      const values = toFloat32({ dtype: tensor.dtype, data: joined(parts) });
      if (!rows) return values;
      checkRows(shape, ...rows, place, name);
      const width = values.length / shape[0];
      return values.subarray(rows[0] * width, rows[1] * width);
    },
    async *readStored(name) {
      entryOf(held, name, place);
      const tensor = made.get(name);
      yield* tensor ? partsOfInput(tensor) : weights.readStored(name);
    },
    close: () => weights.close(),
  };
}
