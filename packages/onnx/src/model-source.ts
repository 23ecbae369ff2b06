/** @file What a graph is made from: a config, the matrices as they are computed with, and an adapter beside them. */
import type { DecoderConfig } from '@arena/decoder';
import type { LowRank } from '@arena/judge/export';
import type { StoredType } from './stored-blocks.js';

/** NF4 codes of a linear, as bitsandbytes packs them, with a float scale each block. */
export interface Nf4 {
  /** Two codes a byte, the first in the upper half [outFeatures * inFeatures / 2]. */
  codes: Uint8Array;
  /** [outFeatures * inFeatures / blockSize] */
  absmax: Float32Array;
  blockSize: number;
}

/** A classifier to write. Matrices are read one at a time, when their bytes are written. */
export interface ModelSource {
  config: DecoderConfig;
  /** Values of a tensor by Hugging Face's name, in float32; of `rows` [begin, end) alone where that is asked for. */
  values(name: string, rows?: readonly [number, number]): Promise<Float32Array>;
  /** The NF4 codes of a linear's weight, where it has them. */
  nf4?(name: string): Promise<Nf4>;
  /** Bits a weight, on average over the linears, where the base is in blocks of ggml and computed with as it is. */
  storedBits?: number;
  /** The type of a matrix' blocks, where it is one that can be exported as it is. */
  storedType?(name: string): StoredType | undefined;
  /** The bytes of a matrix in blocks, in parts. */
  stored?(name: string): AsyncIterable<Uint8Array>;
  /** The adapter's change of a linear, by the linear's path. */
  lowRank?(path: string): LowRank | undefined;
  /** The head [labels, hidden]. */
  score: Float32Array;
}
