/** @file Where bytes come from: something with a size that reads any range. In-memory and Blob sources. */
import { SafetensorsError } from './errors.js';

/** A readable thing of known size. Reads are independent of each other and may run at the same time. */
export interface ByteSource {
  /** Size in bytes. */
  readonly size: number;
  /** What messages call it: a path, an address. */
  readonly name: string;
  /** Bytes `[begin, end)`. May be a view of shared memory: do not write to it. */
  read(begin: number, end: number): Promise<Uint8Array>;
  close?(): Promise<void>;
}

/** Throws unless `[begin, end)` lies within `size` bytes. */
export function checkRange(begin: number, end: number, size: number, name: string): void {
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || begin > end || end > size) {
    throw new SafetensorsError(`bytes ${begin} to ${end} were asked for, but it has ${size}`, name);
  }
}

/** Reads views of `bytes`, without copying. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): ByteSource {
  return {
    size: bytes.byteLength,
    name,
    async read(begin, end) {
      checkRange(begin, end, bytes.byteLength, name);
      return bytes.subarray(begin, end);
    },
  };
}

/** Reads ranges of a Blob or File (a file input, or an OPFS handle's `getFile()`). */
export function blobSource(blob: Blob, name = 'name' in blob ? String(blob.name) : 'blob'): ByteSource {
  return {
    size: blob.size,
    name,
    async read(begin, end) {
      checkRange(begin, end, blob.size, name);
      return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
    },
  };
}
