/** @file An array of strings that stays as the file has it: 262,144 tokens take 5 MB, and each is decoded when asked for. */
import { type Cursor, need, type Place } from './cursor.js';
import { GgufError } from './errors.js';

/** Strings by index, as of an array. */
export interface GgufStrings extends Iterable<string> {
  readonly length: number;
  /** The string at an index, counted from the end where it is negative; undefined where there is none. */
  at(index: number): string | undefined;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads `count` strings from the cursor; the caller has checked that there is room for them. */
export async function readStrings(cursor: Cursor, count: number, place: Place): Promise<GgufStrings> {
  const begin = cursor.at;
  const starts = new Uint32Array(count + 1); // of the 8 bytes of length in front of each string, from `begin`
  let done = 0;
  while (done < count) {
    done = scan(cursor, starts, begin, done, place);
    if (done < count) await need(cursor, stringBytes(cursor), `string ${done}`, place);
  }
  starts[count] = cursor.at - begin;
  return stringsOf(cursor.bytes.slice(begin, cursor.at), starts);
}

/** Notes where strings start, as far as the bytes at hand go; gives how many are noted. */
function scan(cursor: Cursor, starts: Uint32Array, begin: number, from: number, place: Place): number {
  const { view, source } = cursor;
  const held = cursor.bytes.length;
  let at = cursor.at;
  let i = from;
  for (; i < starts.length - 1 && at + 8 <= held; i++) {
    const length = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0 || length > source.size - at - 8) {
      const exact = view.getBigUint64(at, true);
      const left = `only ${source.size - at - 8} bytes of the file are left`;
      throw new GgufError('truncated', `the length of string ${i} is ${exact}, but ${left}`, source.name, place);
    }
    if (at + 8 + length > held) break;
    starts[i] = at - begin;
    at += 8 + length;
  }
  cursor.at = at;
  return i;
}

/** Bytes of the string at the cursor with its length, as far as that is known. */
function stringBytes({ view, bytes, at }: Cursor): number {
  return at + 8 <= bytes.length ? 8 + view.getUint32(at, true) : 8;
}

function stringsOf(bytes: Uint8Array, starts: Uint32Array): GgufStrings {
  const length = starts.length - 1;
  const text = (i: number) => decode(bytes, starts[i] + 8, starts[i + 1]);
  return {
    length,
    at(index) {
      const i = index < 0 ? length + index : index;
      return Number.isInteger(i) && i >= 0 && i < length ? text(i) : undefined;
    },
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield text(i);
    },
  };
}

/** UTF-8 to text; short ASCII strings, which most tokens are, without the decoder's call. */
function decode(bytes: Uint8Array, begin: number, end: number): string {
  if (end - begin > 24) return decoder.decode(bytes.subarray(begin, end));
  let text = '';
  for (let i = begin; i < end; i++) {
    if (bytes[i] > 127) return decoder.decode(bytes.subarray(begin, end));
    text += String.fromCharCode(bytes[i]);
  }
  return text;
}
