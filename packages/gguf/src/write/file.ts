/** @file A GGUF file of version 3, written from its first byte to its last: memory holds what one tensor gives at a time. */
import { GgufError } from '../errors.js';
import { blockSize, type GgmlType, typeId } from '../ggml-types.js';
import { type MetadataPairs, pairBytes, stringBytes, u32, u64 } from './value.js';

const VERSION = 3;
const ALIGNMENT = 32;
/** Header bytes that are handed on at a time: a vocabulary has a million small parts. */
const CHUNK = 1 << 20;

/** A tensor to write. */
export interface TensorContent {
  /** ggml's name, such as `blk.0.attn_q.weight`. */
  name: string;
  type: GgmlType;
  /** Rows first, as in torch; the last is a whole number of the type's blocks. */
  shape: readonly number[];
  /** Its blocks, read when they are written. */
  blocks(): AsyncIterable<Uint8Array> | Promise<Uint8Array>;
}

/** What a file holds. */
export interface GgufContent {
  metadata: MetadataPairs;
  tensors: readonly TensorContent[];
}

/**
 * Writes a GGUF file: header, metadata, table of tensors, tensors in blocks aligned to 32 bytes.
 * @param write Takes the file's bytes in order.
 * @param file Its name, for messages.
 * @throws GgufError when a row is no whole number of blocks, a name stands twice, or a tensor gives other bytes than its shape has.
 * @example
 * await diskStore('out').write('model.gguf', (write) => writeGguf(write, { metadata, tensors }));
 */
export async function writeGguf(
  write: (bytes: Uint8Array) => Promise<void>,
  { metadata, tensors }: GgufContent,
  file = 'model.gguf',
): Promise<void> {
  const sizes = tensors.map((tensor) => bytesOf(tensor, file));
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size < tensors.length) throw new GgufError('tensor', 'two tensors have the same name', file);
  const { put, flush } = chunked(write);
  let at = 0;
  const header = async (bytes: Uint8Array) => {
    at += bytes.length;
    await put(bytes);
  };
  for (const part of [new TextEncoder().encode('GGUF'), u32(VERSION), u64(tensors.length), u64(metadata.size)]) {
    await header(part);
  }
  for (const [key, value] of metadata) for (const part of pairBytes(key, value)) await header(part);
  let offset = 0;
  for (const [i, { name, type, shape }] of tensors.entries()) {
    const dims = [...shape].reverse().map(u64);
    for (const part of [stringBytes(name), u32(shape.length), ...dims, u32(typeId(type)), u64(offset)]) {
      await header(part);
    }
    offset += aligned(sizes[i]);
  }
  if (tensors.length) await put(new Uint8Array(aligned(at) - at));
  for (const [i, tensor] of tensors.entries()) {
    await writeBlocks(tensor, sizes[i], put, file);
    await put(new Uint8Array(aligned(sizes[i]) - sizes[i]));
  }
  await flush();
}

async function writeBlocks(
  tensor: TensorContent,
  size: number,
  put: (bytes: Uint8Array) => Promise<void>,
  file: string,
): Promise<void> {
  const blocks = tensor.blocks();
  const parts = Symbol.asyncIterator in blocks ? blocks : [await blocks];
  let written = 0;
  for await (const part of parts) {
    written += part.length;
    await put(part);
  }
  if (written !== size) {
    const why = `${written} bytes were given, its shape [${tensor.shape.join(', ')}] has ${size} as ${tensor.type}`;
    throw new GgufError('tensor', why, file, { tensor: tensor.name });
  }
}

function bytesOf({ name, type, shape }: TensorContent, file: string): number {
  const block = blockSize(type);
  const row = shape.at(-1) ?? 1;
  if (row % block.values) {
    const why = `a row has ${row} values, no multiple of ${block.values}, the block of ${type}`;
    throw new GgufError('tensor', why, file, { tensor: name });
  }
  return (shape.reduce((product, length) => product * length, 1) / block.values) * block.bytes;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Collects small parts; large ones pass. */
function chunked(write: (bytes: Uint8Array) => Promise<void>) {
  let chunk = new Uint8Array(CHUNK);
  let held = 0;
  const flush = async () => {
    if (held) await write(chunk.subarray(0, held));
    chunk = new Uint8Array(CHUNK); // the taker may keep what it was given
    held = 0;
  };
  const put = async (bytes: Uint8Array) => {
    if (held + bytes.length > CHUNK) await flush();
    if (bytes.length > CHUNK) return write(bytes);
    chunk.set(bytes, held);
    held += bytes.length;
  };
  return { put, flush };
}
