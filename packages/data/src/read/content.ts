/** @file What is in a file: its kind and format by the first bytes, and its bytes unpacked. */
import { type ByteSource, blobSource } from '@arena/files';
import { partsOf } from '@arena/files/source';
import { fileKind, KIND_BYTES } from '@arena/files/text';
import { DataError } from '../error.js';
import type { Format } from './schema.js';
import { type Packing, unpacked } from './unpack.js';

/** A file as the formats read it, unpacked. */
export interface Content {
  name: string;
  /** Its first bytes. */
  head: Uint8Array;
  parts(): AsyncIterable<Uint8Array>;
  /** For Parquet, which reads ranges. The content of a packed file is then held whole. */
  ranges(): Promise<ByteSource>;
}

/** Opens what is in a file. @throws DataError for a packed file that is damaged. */
export async function contentOf(file: ByteSource): Promise<Content> {
  const { name } = file;
  const head = await file.read(0, Math.min(KIND_BYTES, file.size));
  const kind = fileKind(head)?.key;
  if (kind !== 'gzip' && kind !== 'zstd') {
    return { name, head, parts: () => partsOf(file), ranges: async () => file };
  }
  const packing: Packing = kind;
  const parts = () => unpacked(file, packing);
  return {
    name,
    head: await firstBytes(parts(), KIND_BYTES),
    parts,
    async ranges() {
      const all: Uint8Array<ArrayBuffer>[] = [];
      for await (const part of parts()) all.push(part as Uint8Array<ArrayBuffer>);
      return blobSource(new Blob(all), name);
    },
  };
}

/**
 * The format of a content.
 * @param given The format that the caller knows it to be: other kinds of files are still named.
 * @throws DataError naming what it is instead, and what to do.
 */
export function formatOf({ name: file, head }: Content, given?: Format): Format {
  const kind = fileKind(head);
  if (kind?.key === 'parquet') return given ?? 'parquet';
  if (kind) throw new DataError('format', `is ${kind.name}; ${kind.advice}`, { file });
  if (given) return given;
  const start = new TextDecoder().decode(head);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: many of them tell data from text; a text may hold one
  const controls = start.match(/[\0-\x08\x0e-\x1a]/g)?.length ?? 0;
  if (controls > start.length / 100) {
    throw new DataError('format', 'neither text nor Parquet, which begins with PAR1; is the file damaged?', { file });
  }
  const text = start.trimStart();
  if (text === '') throw new DataError('format', 'the file is empty', { file });
  if (text.startsWith('[')) {
    throw new DataError('format', 'one JSON array; write it as JSON lines (one object a line)', { file });
  }
  return text.startsWith('{') ? 'jsonl' : 'csv';
}

async function firstBytes(chunks: AsyncIterable<Uint8Array>, count: number): Promise<Uint8Array> {
  const head = new Uint8Array(count);
  let length = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, count - length);
    head.set(part, length);
    length += part.length;
    if (length === count) break;
  }
  return head.subarray(0, length);
}
