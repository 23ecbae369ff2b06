/**
 * @file Checks the page headers of a column chunk before anything is decoded.
 *
 * A page says how many values it holds and how large it gets; decoders allocate memory by those numbers. This module
 * rejects a damaged or hostile file by arithmetic on the headers (Thrift compact protocol, see parquet.thrift).
 */

/** Limits on what a chunk may claim. */
export interface PageLimits {
  /** Values of all data pages together. */
  values: number;
  /** Values of one page: a run encodes any number of equal values in a few bytes, so the size does not bound it. */
  pageValues: number;
  /** Bytes of one page after decompression. */
  pageBytes: number;
}

/** Walks the pages of a chunk and returns the number of values they claim. @throws Error naming the wrong page. */
export function checkPages(chunk: Uint8Array, limits: PageLimits): number {
  const reader: Reader = { bytes: chunk, at: 0 };
  let total = 0;
  for (let page = 0; reader.at < chunk.length - 1; page++) {
    const header = readStruct(reader, 0);
    const compressed = header.get(3);
    const uncompressed = header.get(2);
    if (typeof compressed !== 'number' || compressed < 0 || reader.at + compressed > chunk.length) {
      throw new Error(`page ${page} claims ${compressed} bytes, ${chunk.length - reader.at} are left`);
    }
    if (typeof uncompressed !== 'number' || uncompressed < 0 || uncompressed > limits.pageBytes) {
      throw new Error(`page ${page} claims ${uncompressed} bytes uncompressed, at most ${limits.pageBytes} are taken`);
    }
    // Field 5: data page, 7: dictionary page, 8: data page v2; each has its number of values first.
    for (const kind of [5, 7, 8]) {
      const details = header.get(kind);
      if (!(details instanceof Map)) continue;
      const values = details.get(1);
      const most = Math.min(limits.values, limits.pageValues);
      if (typeof values !== 'number' || values < 0 || values > most) {
        throw new Error(`page ${page} claims ${values} values, at most ${most} are taken`);
      }
      if (kind !== 7) total += values;
    }
    if (total > limits.values) throw new Error(`the pages claim more than ${limits.values} values`);
    reader.at += compressed;
  }
  return total;
}

interface Reader {
  bytes: Uint8Array;
  at: number;
}

type Field = number | Map<number, Field>;

const MAX_DEPTH = 8;

/** Fields of a struct by id: numbers and structs; skips the rest. */
function readStruct(reader: Reader, depth: number): Map<number, Field> {
  if (depth > MAX_DEPTH) throw new Error('a page header is nested too deeply');
  const fields = new Map<number, Field>();
  for (let id = 0; ; ) {
    const byte = readByte(reader);
    if (byte === 0) return fields;
    id = byte >> 4 ? id + (byte >> 4) : readZigZag(reader);
    const value = readValue(reader, byte & 15, depth);
    if (value !== null) fields.set(id, value);
  }
}

function readValue(reader: Reader, type: number, depth: number): Field | null {
  switch (type) {
    case 1: // true
    case 2: // false
      return null;
    case 3:
      return readByte(reader);
    case 4:
    case 5:
    case 6: // 16, 32 and 64 bits
      return readZigZag(reader);
    case 7: // double
      reader.at += 8;
      return null;
    case 8: {
      const length = readVarint(reader); // binary
      reader.at += length;
      return null;
    }
    case 9:
    case 10: {
      const head = readByte(reader);
      const count = head >> 4 === 15 ? readVarint(reader) : head >> 4;
      if (count > reader.bytes.length) throw new Error('a page header holds a list longer than the file');
      for (let i = 0; i < count; i++) readValue(reader, head & 15, depth + 1);
      return null;
    }
    case 12:
      return readStruct(reader, depth + 1);
    default:
      throw new Error(`a page header holds a field of unknown type ${type}`);
  }
}

function readByte(reader: Reader): number {
  if (reader.at >= reader.bytes.length) throw new Error('a page header runs over the end of its column');
  return reader.bytes[reader.at++];
}

function readVarint(reader: Reader): number {
  let value = 0;
  for (let scale = 1; scale < 2 ** 63; scale *= 128) {
    const byte = readByte(reader);
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  throw new Error('a page header holds a number of more than 63 bits');
}

function readZigZag(reader: Reader): number {
  const value = readVarint(reader);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
