/** @file The key-value pairs of a header. */
import { type Cursor, need, type Place, readCount, readName, readString, readU32 } from './cursor.js';
import { GgufError } from './errors.js';
import { type GgufStrings, readStrings } from './strings.js';

/**
 * A metadata value. 64-bit integers beyond 2^53 are bigint. Arrays of numbers are typed arrays, of truth values a
 * Uint8Array of 0 and 1, of strings {@link GgufStrings}.
 */
export type GgufValue = number | bigint | boolean | string | GgufNumbers | GgufStrings;

/** An array of numbers or truth values. */
type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Float64Array;

const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** Number types by their number in the file: bytes, how one is read, and what an array of them is. */
const NUMBERS: Readonly<Record<number, NumberType>> = {
  0: { bytes: 1, read: (view, at) => view.getUint8(at), array: (buffer) => new Uint8Array(buffer) },
  1: { bytes: 1, read: (view, at) => view.getInt8(at), array: (buffer) => new Int8Array(buffer) },
  2: { bytes: 2, read: (view, at) => view.getUint16(at, true), array: (buffer) => new Uint16Array(buffer) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true), array: (buffer) => new Int16Array(buffer) },
  4: { bytes: 4, read: (view, at) => view.getUint32(at, true), array: (buffer) => new Uint32Array(buffer) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true), array: (buffer) => new Int32Array(buffer) },
  6: { bytes: 4, read: (view, at) => view.getFloat32(at, true), array: (buffer) => new Float32Array(buffer) },
  10: {
    bytes: 8,
    read: (view, at) => exact(view.getBigUint64(at, true)),
    array: (buffer) => new BigUint64Array(buffer),
  },
  11: { bytes: 8, read: (view, at) => exact(view.getBigInt64(at, true)), array: (buffer) => new BigInt64Array(buffer) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true), array: (buffer) => new Float64Array(buffer) },
};

interface NumberType {
  bytes: number;
  read(view: DataView, at: number): number | bigint;
  array(buffer: ArrayBuffer): GgufNumbers;
}

/** Bytes of the file that a key's value and its type take. */
export type ValuePlaces = Map<string, [begin: number, end: number]>;

/**
 * Reads `count` pairs.
 * @throws GgufError naming the key: twice, of an unknown type, an array of arrays, longer than the file.
 */
export async function readMetadata(
  cursor: Cursor,
  count: number,
): Promise<{ metadata: Map<string, GgufValue>; places: ValuePlaces }> {
  const metadata = new Map<string, GgufValue>();
  const places: ValuePlaces = new Map();
  for (let i = 0; i < count; i++) {
    const key = await readName(cursor, `the key of metadata pair ${i + 1} of ${count}`);
    if (metadata.has(key)) throw new GgufError('metadata', 'stands twice in the metadata', cursor.source.name, { key });
    const begin = cursor.at;
    const type = await readU32(cursor, 'the type of its value', { key });
    metadata.set(key, await readValue(cursor, type, { key }));
    places.set(key, [begin, cursor.at]);
  }
  return { metadata, places };
}

async function readValue(cursor: Cursor, type: number, place: Place): Promise<GgufValue> {
  if (type === STRING) return readString(cursor, 'its text', place);
  if (type === ARRAY) return readArray(cursor, place);
  if (type === BOOL) {
    await need(cursor, 1, 'its value', place);
    return cursor.bytes[cursor.at++] !== 0;
  }
  const number = NUMBERS[type];
  if (!number)
    throw new GgufError('metadata', `its value is of type ${type}, which is none`, cursor.source.name, place);
  await need(cursor, number.bytes, 'its value', place);
  const value = number.read(cursor.view, cursor.at);
  cursor.at += number.bytes;
  return value;
}

async function readArray(cursor: Cursor, place: Place): Promise<GgufValue> {
  const type = await readU32(cursor, 'the type of its elements', place);
  const file = cursor.source.name;
  if (type === ARRAY) throw new GgufError('metadata', 'is an array of arrays, which no model has', file, place);
  const bytes = type === STRING ? 8 : type === BOOL ? 1 : NUMBERS[type]?.bytes;
  if (!bytes) throw new GgufError('metadata', `its elements are of type ${type}, which is none`, file, place);
  const count = await readCount(cursor, bytes, 'the number of its elements', place);
  if (type === STRING) return readStrings(cursor, count, place);
  await need(cursor, count * bytes, 'its array', place);
  const data = cursor.bytes.slice(cursor.at, cursor.at + count * bytes);
  cursor.at += count * bytes;
  return type === BOOL ? data.map((one) => Number(one !== 0)) : NUMBERS[type].array(data.buffer);
}

/** A number where it is one exactly. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
