/** @file Lays tensors out like the reference writer and makes the bytes of a file. */
import { quote } from '@arena/files/source';
import { DTYPE_ORDER, type Dtype, isDtype, tensorBytes } from './dtype.js';
import { SafetensorsError } from './error.js';
import { MAX_HEADER_BYTES } from './header.js';

/** A tensor's name, type and shape. */
export interface TensorSpec {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
}

/** Metadata of a header. Null omits `__metadata__`. */
export type Metadata = Record<string, string> | null;

/** Metadata of PyTorch's writers. */
export const PYTORCH_METADATA: Readonly<Record<string, string>> = { format: 'pt' };

/** Layout of a file. */
export interface Layout<T> {
  /** Length prefix, JSON and padding. */
  header: Uint8Array;
  /** Tensors in the order of the file, with their size in bytes. */
  order: { tensor: T; bytes: number }[];
  /** Size of the whole file in bytes. */
  fileBytes: number;
}

/** Compares strings by code points, the order of their UTF-8 bytes. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // Surrogates encode code points above every other unit.
    if (x !== y) return (x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x) - (y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y);
  }
  return a.length - b.length;
}

/**
 * Orders tensors (by type from wide to narrow, then by name) and makes the header: compact JSON padded with spaces so
 * that the data starts at a multiple of 8.
 * @throws SafetensorsError for a name twice or reserved, an unknown type, a bad shape, a header beyond 100 MB.
 */
export function layoutTensors<T extends TensorSpec>(
  tensors: readonly T[],
  metadata: Metadata = PYTORCH_METADATA,
  file = 'tensors',
): Layout<T> {
  const names = new Set<string>();
  const order = tensors.map((tensor) => {
    const { name, dtype, shape } = tensor;
    if (name === '__metadata__') throw new SafetensorsError('argument', 'the name is reserved', file, name);
    if (names.has(name)) throw new SafetensorsError('argument', 'the name is given twice', file, name);
    names.add(name);
    if (!isDtype(dtype))
      throw new SafetensorsError('argument', `dtype ${quote(String(dtype))} is not known`, file, name);
    const bytes = tensorBytes(dtype, shape);
    if (bytes === undefined) throw new SafetensorsError('argument', `[${shape.join(', ')}] is not a shape`, file, name);
    return { tensor, bytes, rank: DTYPE_ORDER.indexOf(dtype) };
  });
  order.sort((a, b) => a.rank - b.rank || compareNames(a.tensor.name, b.tensor.name));

  const parts = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : [];
  let position = 0;
  for (const { tensor, bytes } of order) {
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [position, position + bytes] };
    parts.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`);
    position += bytes;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  if (json.length > MAX_HEADER_BYTES) {
    throw new SafetensorsError(
      'too_large',
      `the header would have ${json.length} bytes, the limit is ${MAX_HEADER_BYTES}`,
      file,
    );
  }
  const padded = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return { header, order, fileBytes: header.length + position };
}

/**
 * The bytes of a .safetensors file, equal to the reference writer's for equal tensors.
 * @param metadata `{ format: 'pt' }` by default; null for none.
 * @throws SafetensorsError as {@link layoutTensors}, and when data does not have the bytes of its type and shape.
 * @example
 * const bytes = serialize([{ name: 'bias', dtype: 'F32', shape: [3], data: fromFloat32(values, 'F32') }]);
 */
export function serialize(
  tensors:
    | ReadonlyMap<string, Omit<TensorSpec, 'name'> & { data: Uint8Array }>
    | readonly (TensorSpec & { data: Uint8Array })[],
  metadata: Metadata = PYTORCH_METADATA,
): Uint8Array {
  const list = Array.isArray(tensors)
    ? (tensors as readonly (TensorSpec & { data: Uint8Array })[])
    : [...(tensors as ReadonlyMap<string, Omit<TensorSpec, 'name'> & { data: Uint8Array }>)].map(([name, tensor]) => ({
        ...tensor,
        name,
      }));
  const { header, order, fileBytes } = layoutTensors(list, metadata);
  for (const { tensor, bytes } of order) {
    checkBytes(tensor, tensor.data, 'tensors');
    checkData(tensor, tensor.data.byteLength, bytes, 'tensors');
  }
  const out = new Uint8Array(fileBytes);
  out.set(header);
  let position = header.length;
  for (const { tensor, bytes } of order) {
    out.set(tensor.data, position);
    position += bytes;
  }
  return out;
}

/** Checks that a tensor's data is bytes: numbers of another array would be truncated to a byte each. */
export function checkBytes(tensor: TensorSpec, data: unknown, file: string): asserts data is Uint8Array {
  if (data instanceof Uint8Array) return;
  const got = ArrayBuffer.isView(data) ? `a ${data.constructor.name}` : `no Uint8Array`;
  throw new SafetensorsError(
    'argument',
    `its data is ${got}; the bytes as they are stored are expected (fromFloat32 makes them)`,
    file,
    tensor.name,
  );
}

/** Checks that a tensor's data has the bytes for its type and shape. */
export function checkData(tensor: TensorSpec, got: number, want: number, file: string): void {
  if (got === want) return;
  const message = `${tensor.dtype} [${tensor.shape.join(', ')}] takes ${want} bytes, its data has ${got}`;
  throw new SafetensorsError('argument', message, file, tensor.name);
}
