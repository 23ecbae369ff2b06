/** @file Records of a Parquet file, a row group at a time, by the hyparquet library. */

import type { ByteSource } from '@arena/files';
import { decimalText, decodeUtf8, isoTime } from '@arena/files/text';
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { compressors as allCompressors } from 'hyparquet-compressors';
import { DataError } from '../error.js';
import { checkPages } from './parquet-pages.js';

/** A page never grows to more than this, nor to more than 1,000 times its size on disk and 16 MB. */
const MAX_PAGE_BYTES = 2 ** 29;
/** Values of a page at most; writers end a page after 20,000 rows or a megabyte. */
const MAX_PAGE_VALUES = 2 ** 24;
/** Approximate uncompressed bytes to decode at a time. */
const WINDOW_BYTES = 2 ** 23;
/** Rows decoded at a time at most, where columns can be read in parts. */
const WINDOW_ROWS = 2 ** 16;
/** Most entries of a list column (messages, parts) a row, on average. */
const MAX_LIST_LENGTH = 1024;

/** An open Parquet file: the names of its columns, and its records. */
export interface ParquetFile {
  columns: string[];
  rowCount: number;
  /**
   * Yields the records with only the named columns, one decoded part at a time. Decimals are numbers, but exact texts in
   * the columns of `exact`. Dates and times are texts in UTC.
   * @throws DataError with row and column, for a text that is not UTF-8.
   */
  records(columns: string[], exact: ReadonlySet<string>): AsyncGenerator<Record<string, unknown>[]>;
}

/**
 * Opens a Parquet file. Reads only its footer.
 *
 * @throws DataError when the footer is damaged or contradicts the file
 */
export async function openParquet(source: ByteSource): Promise<ParquetFile> {
  const file = source.name;
  const buffer = asyncBuffer(source);
  let metadata: FileMetaData;
  let columns: string[];
  let schema: SchemaTree;
  try {
    if (source.size < 12) throw new Error(`${source.size} bytes are too few`);
    metadata = await parquetMetadataAsync(buffer);
    schema = parquetSchema(metadata);
    annotateLists(schema);
    columns = schema.children.map((column) => column.element.name);
    checkFooter(metadata, schema, source.size);
  } catch (cause) {
    throw new DataError(
      'format',
      `not a readable Parquet file (${(cause as Error).message}); is the download complete?`,
      { file },
      { cause },
    );
  }

  checkNames(schema, file);

  async function* records(wanted: string[], exact: ReadonlySet<string>): AsyncGenerator<Record<string, unknown>[]> {
    const changes = schema.children.flatMap((column): [string, Change][] => {
      const { name } = column.element;
      const change = wanted.includes(name) && changeOf(column, exact.has(name));
      return change ? [[name, change]] : [];
    });
    const parsers = parsersFor();
    let groupStart = 0;
    for (const group of metadata.row_groups) {
      const groupRows = Number(group.num_rows);
      const chunks = group.columns
        .flatMap((column) => column.meta_data ?? [])
        .filter((column) => wanted.includes(column.path_in_schema[0]));
      const checked = await decoded(groupStart, () => checkedChunks(source, chunks, groupRows));
      const step = windowRows(chunks, groupRows);
      for (let from = 0; from < groupRows; from += step) {
        const rowStart = groupStart + from;
        const rowEnd = groupStart + Math.min(groupRows, from + step);
        const options = {
          file: checked,
          metadata,
          columns: wanted,
          rowStart,
          rowEnd,
          compressors,
          parsers: parsers.all,
        };
        const rows = await decoded(rowStart, () => parquetReadObjects(options));
        if (rows.length !== rowEnd - rowStart) {
          throw new DataError('format', `${rows.length} rows found where ${rowEnd - rowStart} are claimed`, {
            file,
            row: rowStart,
          });
        }
        if (parsers.foundBad()) throw badText(rows, rowStart);
        for (const [name, change] of changes) for (const row of rows) row[name] = change(row[name]);
        yield rows;
      }
      groupStart += groupRows;
    }
  }

  function badText(rows: Record<string, unknown>[], rowStart: number): DataError {
    for (const [i, row] of rows.entries()) {
      for (const [column, value] of Object.entries(row)) {
        const found = badTextIn(value);
        if (found) return new DataError('format', found.bad, { file, row: rowStart + i, column });
      }
    }
    return new DataError('format', 'a text is not UTF-8', { file, row: rowStart });
  }

  /** Runs a step of decoding, and adds the place to its errors. */
  async function decoded<T>(row: number, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw new DataError(
        'format',
        `rows from ${row} on cannot be decoded (${(cause as Error).message})`,
        { file, row },
        { cause },
      );
    }
  }

  return { columns, rowCount: Number(metadata.num_rows), records };
}

/** Stands in a record for a text that is not UTF-8, until its place is known. */
class BadText {
  constructor(readonly bad: string) {}
}

function badTextIn(value: unknown): BadText | undefined {
  if (value instanceof BadText) return value;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
  for (const one of Object.values(value)) {
    const found = badTextIn(one);
    if (found) return found;
  }
  return undefined;
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Texts strictly, times exactly. JSON columns stay text: the schema parses them later, with errors by row. */
function parsersFor() {
  let bad = false;
  const text = (bytes: Uint8Array | undefined): unknown => {
    if (!bytes) return bytes;
    try {
      return STRICT.decode(bytes);
    } catch {
      bad = true;
      return new BadText(decodeUtf8(bytes).bad ?? 'a text is not UTF-8');
    }
  };
  const time = (digits: 3 | 6 | 9) => (count: bigint | number | undefined) =>
    count === undefined ? undefined : isoTime(count, digits);
  return {
    foundBad: () => bad,
    all: {
      stringFromBytes: text,
      jsonFromBytes: text,
      timestampFromMilliseconds: time(3),
      timestampFromMicroseconds: time(6),
      timestampFromNanoseconds: time(9),
      dateFromDays: (days: number | undefined) =>
        days === undefined ? undefined : isoTime(days * 86_400, 0).slice(0, 10),
    },
  };
}

type Change = (value: unknown) => unknown;

/** What turns a column's values as hyparquet gives them into those that the file means. Undefined: they are the same. */
function changeOf(column: SchemaTree, isExact: boolean): Change | undefined {
  return isExact && isDecimal(column) ? exactDecimal(column) : plainLists(column);
}

function isDecimal({ element }: SchemaTree): boolean {
  return element.converted_type === 'DECIMAL' || element.logical_type?.type === 'DECIMAL';
}

/** Has hyparquet give the unscaled numbers, which it would round to doubles. */
function exactDecimal({ element }: SchemaTree): Change {
  const logical = element.logical_type;
  const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0);
  element.converted_type = undefined;
  element.logical_type = undefined;
  if (element.type === 'BYTE_ARRAY') element.type = 'FIXED_LEN_BYTE_ARRAY'; // bytes that are no text
  return (value) => {
    if (value instanceof Uint8Array) return decimalText(bigEndian(value), scale);
    return typeof value === 'number' || typeof value === 'bigint' ? decimalText(BigInt(value), scale) : value;
  };
}

/** A whole number in two's complement. */
function bigEndian(bytes: Uint8Array): bigint {
  return BigInt.asIntN(
    8 * bytes.length,
    bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n),
  );
}

/**
 * Lists in the two levels of Avro, Thrift and older Hive, by the rules of parquet-format (LogicalTypes.md, "Backward
 * compatibility rules"): a repeated group of several fields, or one named `array` or `LIST_tuple`, is the entry itself.
 */
function plainLists(column: SchemaTree): Change | undefined {
  const { element, children } = column;
  const list = children[0];
  const isList = element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';
  if (isList && children.length === 1 && list.element.repetition_type === 'REPEATED' && list.children.length > 0) {
    const { name } = list.element;
    const isEntry = list.children.length > 1 || name === 'array' || name === `${element.name}_tuple`;
    const [only] = list.children;
    const entry = isEntry ? plainFields(list) : plainLists(only);
    const each = (value: unknown) => (entry && Array.isArray(value) ? value.map(entry) : value);
    if (list.children.length > 1) return (value) => each((value as Record<string, unknown> | null)?.[name] ?? value);
    if (!isEntry) return entry && each;
    return (value) =>
      Array.isArray(value) ? value.map((one) => ({ [only.element.name]: one })).map(entry ?? same) : value;
  }
  return plainFields(column);
}

const same: Change = (value) => value;

/** The change of a struct's fields, or of the entries of a repeated one. */
function plainFields({ element, children }: SchemaTree): Change | undefined {
  if (element.converted_type === 'MAP') return undefined;
  const changes = children.flatMap((child): [string, Change][] => {
    const change = plainLists(child);
    return change ? [[child.element.name, change]] : [];
  });
  if (changes.length === 0) return undefined;
  const one = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const fields = { ...value } as Record<string, unknown>;
    for (const [name, change] of changes) if (name in fields) fields[name] = change(fields[name]);
    return fields;
  };
  return (value) => (Array.isArray(value) ? value.map(one) : one(value));
}

/** hyparquet knows lists and maps by the older of two annotations only. */
function annotateLists({ element, children }: SchemaTree): void {
  const type = element.logical_type?.type;
  if (type === 'LIST' || type === 'MAP') element.converted_type ??= type;
  for (const child of children) annotateLists(child);
}

/** Throws for a name that two columns, or two fields of one, share. */
function checkNames({ children, path }: SchemaTree, file: string): void {
  const names = children.map(({ element }) => element.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    const column = [...path, twice].join('.');
    throw new DataError('format', `the column ${JSON.stringify(column)} is there twice; rename or remove one`, {
      file,
    });
  }
  for (const child of children) checkNames(child, file);
}

/**
 * Rows decoded at a time: a part of a large row group, by its uncompressed size. Only plain columns can be read in
 * parts without decoding earlier values again.
 */
function windowRows(chunks: ColumnMetaData[], rows: number): number {
  const bytes = chunks.reduce((sum, column) => sum + Number(column.total_uncompressed_size), 0);
  const isFlat = chunks.every((column) => column.path_in_schema.length === 1);
  if (!isFlat) return Math.max(1, rows);
  return Math.max(256, Math.min(WINDOW_ROWS, Math.floor((rows * WINDOW_BYTES) / Math.max(1, bytes))));
}

const compressors: Compressors = Object.fromEntries(
  Object.entries(allCompressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number) => {
      if (length > Math.min(MAX_PAGE_BYTES, 2 ** 24 + 1000 * input.length)) {
        throw new Error(`a page of ${input.length} bytes claims ${length} bytes uncompressed`);
      }
      return decompress(input, length);
    },
  ]),
);

function asyncBuffer(source: ByteSource): AsyncBuffer {
  return {
    byteLength: source.size,
    async slice(start, end = source.size) {
      const from = start < 0 ? Math.max(0, source.size + start) : start;
      const bytes = await source.read(from, Math.min(end, source.size));
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    },
  };
}

function checkFooter(metadata: FileMetaData, schema: SchemaTree, byteLength: number): void {
  let rows = 0n;
  for (const group of metadata.row_groups) {
    if (group.num_rows < 0n || group.num_rows > 2n ** 31n) throw new Error(`a row group claims ${group.num_rows} rows`);
    rows += group.num_rows;
    for (const { meta_data: column } of group.columns) {
      if (!column) throw new Error('a column has no description');
      let place: SchemaTree | undefined = schema;
      for (const name of column.path_in_schema) place = place?.children.find((child) => child.element.name === name);
      if (!place?.element.type) throw new Error(`column ${column.path_in_schema.join('.')} is not in the schema`);
      const { start, end } = chunkRange(column);
      if (!(start >= 0 && start <= end && end <= byteLength)) {
        throw new Error(`column ${column.path_in_schema.join('.')} claims bytes ${start} to ${end} of ${byteLength}`);
      }
    }
  }
  if (rows !== BigInt(metadata.num_rows))
    throw new Error(`the row groups hold ${rows} rows, the file claims ${metadata.num_rows}`);
}

/** Bytes of a column chunk in hyparquet's form. */
function chunkRange(column: ColumnMetaData): { start: number; end: number } {
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  return { start, end: start + Number(column.total_compressed_size) };
}

/** Reads the chunks and checks their pages. The returned buffer serves them from memory, so each is read once. */
async function checkedChunks(source: ByteSource, chunks: ColumnMetaData[], rows: number): Promise<AsyncBuffer> {
  const loaded: { start: number; end: number; bytes: Uint8Array }[] = [];
  for (const column of chunks) {
    const { start, end } = chunkRange(column);
    const bytes = await source.read(start, end);
    const isList = column.path_in_schema.length > 1;
    try {
      const limit = isList ? rows * MAX_LIST_LENGTH + 2 ** 16 : rows;
      const values = checkPages(bytes, { values: limit, pageValues: MAX_PAGE_VALUES, pageBytes: MAX_PAGE_BYTES });
      // Memory is allocated for the claimed rows: the pages must hold as many values, and more only in lists.
      if (values < rows) throw new Error(`the pages hold ${values} values, the row group claims ${rows} rows`);
    } catch (cause) {
      throw new Error(`column ${column.path_in_schema.join('.')}: ${(cause as Error).message}`, { cause });
    }
    loaded.push({ start, end, bytes });
  }
  const whole = asyncBuffer(source);
  return {
    byteLength: source.size,
    slice(start, end = source.size) {
      const chunk = loaded.find((one) => one.start <= start && end <= one.end);
      if (!chunk) return whole.slice(start, end);
      // The usual case, without a copy: a whole chunk in a buffer of its own.
      const isWhole =
        start === chunk.start && end === chunk.end && chunk.bytes.byteLength === chunk.bytes.buffer.byteLength;
      if (isWhole) return chunk.bytes.buffer as ArrayBuffer;
      const from = chunk.bytes.byteOffset + start - chunk.start;
      return chunk.bytes.buffer.slice(from, from + end - start) as ArrayBuffer;
    },
  };
}
