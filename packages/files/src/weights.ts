/** @file The tensors of a model, wherever they are stored and however: what loaders read and exports write. */
import { joined } from './source.js';

/** What is known of a tensor before it is read. */
export interface StoredTensor {
  shape: number[];
  /** How it is stored, in the words of its format: `BF16`, `U8`. */
  stored: string;
  /** Bytes as stored. */
  bytes: number;
}

/** The tensors of a model by name: of a checkpoint, or a view that gives some of them changed. */
export interface Weights {
  /** What messages call it: a folder, an address. */
  readonly place: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /**
   * A tensor's values in float32 [elements], or those of its rows `[begin, end)`.
   * @throws an error naming the tensor when there is none of the name, or no such rows.
   */
  readFloat32(name: string, rows?: [begin: number, end: number]): Promise<Float32Array>;
  /** A tensor's bytes as they are stored, in parts that follow each other. */
  readStored(name: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** All bytes of a tensor as they are stored. */
export async function storedBytes(weights: Weights, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of weights.readStored(name)) parts.push(part);
  return joined(parts);
}
