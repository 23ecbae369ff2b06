/**
 * @file The header of a .safetensors file: 8 bytes of length (little-endian u64), JSON, then the tensors' bytes without
 * gaps. Every field is checked before any tensor is read.
 */
import type { ByteSource } from '@arena/files';
import { quote } from '@arena/files/source';
import { fileKind, KIND_BYTES } from '@arena/files/text';
import { type Dtype, isDtype, tensorBytes } from './dtype.js';
import { SafetensorsError } from './error.js';
import { doubledKey } from './json-keys.js';

/** Largest header to read, in bytes: the reference reader's limit. */
export const MAX_HEADER_BYTES = 100_000_000;

/** One tensor of a file: its type, shape and byte range `[begin, end)` counted from the start of the file. */
export interface TensorEntry {
  dtype: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

export interface Header {
  /** The `__metadata__` object, null when the file has none. */
  metadata: Record<string, string> | null;
  /** Tensors by name, in the order of the header. */
  tensors: Map<string, TensorEntry>;
}

/**
 * Reads and checks a header.
 * @throws SafetensorsError naming file and tensor: length beyond the file or {@link MAX_HEADER_BYTES}, not UTF-8 JSON,
 * a key twice, unknown type, a shape that does not fit its bytes, overlaps, holes, missing or trailing bytes.
 */
export async function readHeader(source: ByteSource): Promise<Header> {
  const { name: file, size } = source;
  if (size < 8) throw new SafetensorsError('truncated', `has ${size} bytes; a safetensors file has at least 8`, file);
  const prefix = await source.read(0, 8);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (8 + length > Math.min(size, 8 + MAX_HEADER_BYTES)) {
    const kind = fileKind(await source.read(0, Math.min(KIND_BYTES, size)));
    if (kind && kind.key !== 'safetensors') {
      throw new SafetensorsError('format', `is ${kind.name}; ${kind.advice}`, file);
    }
  }
  if (length > MAX_HEADER_BYTES) {
    throw new SafetensorsError(
      'format',
      `its first 8 bytes give a header of ${length} bytes, the limit is ${MAX_HEADER_BYTES}: not a safetensors file?`,
      file,
    );
  }
  if (8 + length > size) {
    throw new SafetensorsError(
      'truncated',
      `its header should have ${length} bytes, the file has ${size}: it was cut short`,
      file,
    );
  }
  return parseHeader(await source.read(8, 8 + length), 8 + length, size, file);
}

function parseHeader(bytes: Uint8Array, dataBegin: number, fileSize: number, file: string): Header {
  const json = parseJson(bytes, file);
  const header: Header = { metadata: null, tensors: new Map() };
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') header.metadata = parseMetadata(value, file);
    else header.tensors.set(name, parseEntry(name, value, dataBegin, file));
  }
  checkLayout(header.tensors, dataBegin, fileSize, file);
  return header;
}

function parseJson(bytes: Uint8Array, file: string): object {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new SafetensorsError('format', 'the header is not UTF-8 text', file);
  }
  if (text[0] !== '{')
    throw new SafetensorsError('format', `the header starts with ${quote(text.slice(0, 1))}, not "{"`, file);
  let json: object;
  try {
    json = JSON.parse(text) as object;
  } catch (error) {
    throw new SafetensorsError('format', `the header is not JSON: ${(error as Error).message}`, file);
  }
  const doubled = doubledKey(text);
  if (doubled !== undefined)
    throw new SafetensorsError('format', `the header holds the key ${quote(doubled)} twice`, file);
  return json;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (!isObject(value)) throw new SafetensorsError('format', '__metadata__ is not an object', file);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new SafetensorsError('format', `__metadata__ ${quote(key)} is not a string`, file);
  }
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, dataBegin: number, file: string): TensorEntry {
  const fail = (message: string): never => {
    throw new SafetensorsError('format', message, file, name);
  };
  if (!isObject(value)) return fail('its header entry is not an object');
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) return fail(`its header entry has the unknown field ${quote(unknown)}`);
  if (!isDtype(dtype)) return fail(`dtype ${quote(JSON.stringify(dtype) ?? 'missing')} is not known`);
  if (!isCounts(shape)) return fail('shape is not a list of whole numbers');
  if (!isCounts(offsets) || offsets.length !== 2) return fail('data_offsets is not a pair of whole numbers');
  const bytes = tensorBytes(dtype, shape);
  if (bytes === undefined) return fail(`shape [${shape.slice(0, 8).join(', ')}] is too large`);
  const [begin, end] = offsets as [number, number];
  if (end - begin !== bytes) {
    return fail(
      `${dtype} [${shape.join(', ')}] takes ${bytes} bytes, data_offsets ${begin} to ${end} give ${end - begin}`,
    );
  }
  return { dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

/** Checks that tensors fill the file from the end of the header to its end. */
function checkLayout(tensors: Map<string, TensorEntry>, dataBegin: number, fileSize: number, file: string): void {
  const sorted = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let position = dataBegin;
  for (const [name, { begin, end }] of sorted) {
    if (end > fileSize) {
      throw new SafetensorsError(
        'truncated',
        `ends at byte ${end}, the file has ${fileSize}: it was cut short`,
        file,
        name,
      );
    }
    if (begin !== position) {
      const what = begin < position ? 'overlaps the tensor before it' : `leaves a hole of ${begin - position} bytes`;
      throw new SafetensorsError('format', `starts at byte ${begin} and ${what}`, file, name);
    }
    position = end;
  }
  if (position !== fileSize) {
    throw new SafetensorsError('format', `${fileSize - position} bytes follow the last tensor`, file);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
