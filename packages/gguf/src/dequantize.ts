/** @file Blocks of ggml's types to float32, bit for bit as gguf-py's `dequantize`. */
import type { BlockDecoder } from './blocks/decoder.js';
import { decodeBf16, decodeF16, decodeF32 } from './blocks/float.js';
import { decodeIq4Nl, decodeIq4Xs } from './blocks/iq4.js';
import { decodeQ2_K } from './blocks/q2-k.js';
import { decodeQ3_K } from './blocks/q3-k.js';
import { decodeQ4_0, decodeQ4_1 } from './blocks/q4.js';
import { decodeQ4_K, decodeQ5_K } from './blocks/q4-k.js';
import { decodeQ5_0, decodeQ5_1 } from './blocks/q5.js';
import { decodeQ6_K } from './blocks/q6-k.js';
import { decodeQ8_0 } from './blocks/q8-0.js';
import { GgufError } from './errors.js';
import { blockSize, type GgmlType } from './ggml-types.js';

const DECODERS: Readonly<Partial<Record<GgmlType, BlockDecoder>>> = {
  F32: decodeF32,
  F16: decodeF16,
  BF16: decodeBf16,
  Q4_0: decodeQ4_0,
  Q4_1: decodeQ4_1,
  Q5_0: decodeQ5_0,
  Q5_1: decodeQ5_1,
  Q8_0: decodeQ8_0,
  Q2_K: decodeQ2_K,
  Q3_K: decodeQ3_K,
  Q4_K: decodeQ4_K,
  Q5_K: decodeQ5_K,
  Q6_K: decodeQ6_K,
  IQ4_NL: decodeIq4Nl,
  IQ4_XS: decodeIq4Xs,
};

/**
 * Values of whole blocks in float32 [values], bit for bit as gguf-py's `dequantize`.
 * @param type ggml's type of the blocks.
 * @param blocks Their bytes.
 * @param out Where the values go, from its index `at`; default a new array.
 * @returns `out`.
 * @throws GgufError for a type that is not decoded, or bytes that are no whole number of blocks or do not fit `out`.
 */
export function dequantize(type: GgmlType, blocks: Uint8Array, out?: Float32Array, at = 0): Float32Array {
  const decode = decoderOf(type, 'blocks');
  const block = blockSize(type);
  if (blocks.length % block.bytes) {
    const why = `${blocks.length} bytes are no whole number of blocks of ${type}, which have ${block.bytes}`;
    throw new GgufError('tensor', why, 'blocks');
  }
  const values = (blocks.length / block.bytes) * block.values;
  const target = out ?? new Float32Array(values);
  if (at + values > target.length) {
    throw new GgufError('tensor', `${values} values from ${at} do not fit an array of ${target.length}`, 'blocks');
  }
  decode(blocks, target, at);
  return target;
}

/** The decoder of a type. @throws GgufError naming the type and what to do. */
export function decoderOf(type: GgmlType, file: string, tensor?: string): BlockDecoder {
  const decoder = DECODERS[type];
  if (decoder) return decoder;
  const why =
    `is stored as ${type}, which is not decoded here (${Object.keys(DECODERS).join(', ')} are): ` +
    'take another file of the model, or quantise it anew, such as `llama-quantize --allow-requantize in.gguf out.gguf Q8_0`';
  throw new GgufError('type', why, file, { tensor });
}
