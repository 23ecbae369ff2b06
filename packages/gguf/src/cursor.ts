/**
 * @file A place in a file's header that moves forward. Bytes come in ranges that double, and every length is held against
 * the file's size before anything is taken for it.
 */
import type { ByteSource } from '@arena/files';
import { GgufError } from './errors.js';

/** Largest header that is read, in bytes. One with 262,144 tokens has 7 million. */
const MAX_HEADER_BYTES = 2 ** 27;

/** Bytes of the first range. */
const FIRST_BYTES = 2 ** 18;

/** The header as far as it has been read. `at` is where the next value begins. */
export interface Cursor {
  readonly source: ByteSource;
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  at: number;
}

/** A cursor at the beginning of a file; nothing is read yet. */
export function cursorAt(source: ByteSource): Cursor {
  const bytes = new Uint8Array(0);
  return { source, bytes, view: new DataView(bytes.buffer), at: 0 };
}

/** Reads on until `count` bytes from the cursor are there. `what` names the value for a message, `key` and `tensor` its place. */
export async function need(cursor: Cursor, count: number, what: string, place: Place = {}): Promise<void> {
  const end = cursor.at + count;
  if (end <= cursor.bytes.length) return;
  const { size, name } = cursor.source;
  if (end > size) {
    const why = `${what} ends at byte ${end}, the file has ${size}: it was cut short, or a length in it is wrong`;
    throw new GgufError('truncated', why, name, place);
  }
  if (end > MAX_HEADER_BYTES) {
    throw new GgufError(
      'metadata',
      `${what} ends at byte ${end}, a header has at most ${MAX_HEADER_BYTES}`,
      name,
      place,
    );
  }
  const had = cursor.bytes.length;
  const reach = Math.min(size, Math.max(end, Math.min(MAX_HEADER_BYTES, 2 * had), FIRST_BYTES));
  const grown = new Uint8Array(reach);
  grown.set(cursor.bytes);
  grown.set(await cursor.source.read(had, reach), had);
  cursor.bytes = grown;
  cursor.view = new DataView(grown.buffer);
}

/** Where a value stands, for a message. */
export interface Place {
  key?: string;
  tensor?: string;
}

export async function readU32(cursor: Cursor, what: string, place?: Place): Promise<number> {
  await need(cursor, 4, what, place);
  const value = cursor.view.getUint32(cursor.at, true);
  cursor.at += 4;
  return value;
}

export async function readU64(cursor: Cursor, what: string, place?: Place): Promise<bigint> {
  await need(cursor, 8, what, place);
  const value = cursor.view.getBigUint64(cursor.at, true);
  cursor.at += 8;
  return value;
}

/**
 * A 64-bit count of things that take `unitBytes` or more each, which the rest of the file must have room for.
 * @throws GgufError naming the count when it has not.
 */
export async function readCount(cursor: Cursor, unitBytes: number, what: string, place?: Place): Promise<number> {
  const count = await readU64(cursor, what, place);
  const { size, name } = cursor.source;
  if (count * BigInt(unitBytes) > BigInt(size - cursor.at)) {
    const left = `only ${size - cursor.at} bytes of the file are left`;
    throw new GgufError(
      'truncated',
      `${what} is ${count}, but ${left}: it was cut short, or the number is wrong`,
      name,
      place,
    );
  }
  return Number(count);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** A string: its length in 64 bits, then UTF-8. */
export async function readString(cursor: Cursor, what: string, place?: Place): Promise<string> {
  const length = await readCount(cursor, 1, `the length of ${what}`, place);
  await need(cursor, length, what, place);
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  return lenient.decode(bytes);
}

/** The name of a key or tensor: at most 65,535 bytes of UTF-8. */
export async function readName(cursor: Cursor, what: string): Promise<string> {
  const { source } = cursor;
  const length = await readCount(cursor, 1, `the length of ${what}`);
  if (length > 65535)
    throw new GgufError('metadata', `the length of ${what} is ${length}, at most 65535 may be`, source.name);
  await need(cursor, length, what);
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length);
  cursor.at += length;
  try {
    return strict.decode(bytes);
  } catch {
    throw new GgufError('metadata', `${what} is not UTF-8 text`, source.name);
  }
}
