/** @file The tensors of a model in any storage and format: loaders read them, exports write them. */
import { joined } from './source.js';

/** Description of a tensor. */
export interface StoredTensor {
  shape: number[];
  /** Stored type, in the terms of its format: `BF16`, `U8`. */
  stored: string;
  /** Bytes as stored. */
  bytes: number;
}

/** The tensors of a model by name: a checkpoint, or a view with some of them changed. */
export interface Weights {
  /** Name in messages: a folder, an address. */
  readonly place: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /**
   * A tensor's values in float32 [elements], or those of its rows `[begin, end)`.
   * @throws an error naming the tensor when the tensor or the rows do not exist.
   */
  readFloat32(name: string, rows?: [begin: number, end: number]): Promise<Float32Array>;
  /** A tensor's stored bytes, in consecutive parts. */
  readStored(name: string): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** All stored bytes of a tensor. */
export async function storedBytes(weights: Weights, name: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of weights.readStored(name)) parts.push(part);
  return joined(parts);
}
