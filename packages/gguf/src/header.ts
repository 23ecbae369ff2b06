/** @file The header of one file: magic, version, counts, metadata, table of tensors. */
import type { ByteSource } from '@arena/files';
import { cursorAt, need, readCount, readU32 } from './cursor.js';
import { GgufError } from './errors.js';
import { type GgufValue, readMetadata, type ValuePlaces } from './metadata.js';
import { otherFormat, SNIFF_BYTES } from './not-gguf.js';
import { alignmentOf, type GgufTensor, readTensorTable } from './tensor-table.js';

export interface GgufHeader {
  version: 2 | 3;
  metadata: Map<string, GgufValue>;
  places: ValuePlaces;
  tensors: Map<string, GgufTensor>;
}

/** Fewest bytes of a tensor's info: lengths of name and shape, type, offset. */
const TENSOR_BYTES = 24;

/** Bytes of a key-value pair that are always there: the length of its key. */
const PAIR_BYTES = 8;

/**
 * Reads and checks the header of one file.
 * @throws GgufError saying what the file is instead, its version, or the key or tensor that cannot be.
 */
export async function readHeader(source: ByteSource): Promise<GgufHeader> {
  const { name: file, size } = source;
  const cursor = cursorAt(source);
  await need(cursor, Math.min(size, SNIFF_BYTES), 'its beginning');
  const other = otherFormat(cursor.bytes.subarray(0, SNIFF_BYTES), size);
  if (other) throw new GgufError('not_gguf', other, file);
  cursor.at = 4;
  const version = await readU32(cursor, 'its version');
  // The magic is the same in both byte orders; a small version shows which it is.
  if (version > 0 && (version & 0xffff) === 0) {
    throw new GgufError(
      'version',
      'is big-endian, made for another kind of machine: take the little-endian file',
      file,
    );
  }
  if (version !== 2 && version !== 3) {
    const why = version < 2 ? 'make it anew with the converter of today' : 'it is newer than this reader';
    throw new GgufError('version', `is of GGUF version ${version}; 2 and 3 are read: ${why}`, file);
  }
  const tensorCount = await readCount(cursor, TENSOR_BYTES, 'the number of tensors');
  const pairCount = await readCount(cursor, PAIR_BYTES, 'the number of metadata pairs');
  const { metadata, places } = await readMetadata(cursor, pairCount);
  const alignment = alignmentOf(metadata.get('general.alignment'), file);
  return { version, metadata, places, tensors: await readTensorTable(cursor, tensorCount, alignment) };
}
