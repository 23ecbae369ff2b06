/** @file Reads tensors of one .safetensors file by name, whole or a range of rows. */
import type { ByteSource } from '@arena/files';
import { DTYPE_BYTES, type Dtype } from './dtype.js';
import { SafetensorsError } from './error.js';
import { readHeader, type TensorEntry } from './header.js';

/** A tensor as raw little-endian bytes, rows first. */
export interface SafeTensor {
  name: string;
  dtype: Dtype;
  shape: number[];
  data: Uint8Array;
}

/** A reader by tensor name: one file, or a checkpoint of several. */
export interface TensorReader {
  /** Tensors by name; byte ranges count from the start of the file that holds the tensor. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  names(): string[];
  /** @throws SafetensorsError when there is no such tensor. */
  read(name: string): Promise<SafeTensor>;
  /**
   * Rows `[rowBegin, rowEnd)` of a tensor of one or more dimensions; the shape's first number is `rowEnd - rowBegin`.
   */
  readRows(name: string, rowBegin: number, rowEnd: number): Promise<SafeTensor>;
  close(): Promise<void>;
}

/** An open .safetensors file. */
export interface SafetensorsFile extends TensorReader {
  readonly metadata: Record<string, string> | null;
}

/**
 * Reads the header of a .safetensors file; tensors are read on demand. Data is a view of the source's memory if the
 * source gives views.
 * @throws SafetensorsError when the header is invalid.
 * @example
 * const file = await openSafetensors(await openFile('model.safetensors'));
 * const { dtype, shape, data } = await file.read('score.weight');
 * await file.close();
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { metadata, tensors } = await readHeader(source);
  return {
    metadata,
    tensors,
    names: () => [...tensors.keys()],
    async read(name) {
      const { dtype, shape, begin, end } = entryOf(tensors, name, source.name);
      return { name, dtype, shape: [...shape], data: await source.read(begin, end) };
    },
    async readRows(name, rowBegin, rowEnd) {
      const { dtype, shape, begin } = entryOf(tensors, name, source.name);
      checkRows(shape, rowBegin, rowEnd, source.name, name);
      const [, ...rest] = shape;
      const rowBytes = rest.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
      const data = await source.read(begin + rowBegin * rowBytes, begin + rowEnd * rowBytes);
      return { name, dtype, shape: [rowEnd - rowBegin, ...rest], data };
    },
    close: async () => source.close?.(),
  };
}

/** Checks that a tensor of the shape has the rows `[rowBegin, rowEnd)`. */
export function checkRows(
  shape: readonly number[],
  rowBegin: number,
  rowEnd: number,
  file: string,
  name: string,
): void {
  const [rows] = shape;
  const whole = Number.isSafeInteger(rowBegin) && Number.isSafeInteger(rowEnd);
  if (rows !== undefined && whole && rowBegin >= 0 && rowBegin <= rowEnd && rowEnd <= rows) return;
  const message = `rows ${rowBegin} to ${rowEnd} were asked for, its shape is [${shape.join(', ')}]`;
  throw new SafetensorsError('argument', message, file, name);
}

/** The entry of a tensor. The error for a missing one names some that exist. */
export function entryOf<T>(tensors: ReadonlyMap<string, T>, name: string, file: string): T {
  const entry = tensors.get(name);
  if (entry === undefined) {
    const some = [...tensors.keys()].slice(0, 3).join(', ');
    throw new SafetensorsError(
      'not_found',
      `not in the file, which holds ${tensors.size} tensors (${some}, ...)`,
      file,
      name,
    );
  }
  return entry;
}
