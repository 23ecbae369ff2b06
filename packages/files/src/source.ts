/** @file Sources of bytes that can be read by range: memory, or a Blob. */
import { FileError } from './error.js';

/**
 * A readable thing of known size: bytes in memory, a Blob, a file on disk, an address. Reads are independent of each
 * other and may run at the same time.
 */
export interface ByteSource {
  /** Size in bytes. */
  readonly size: number;
  /** Name in messages: a path, an address. */
  readonly name: string;
  /** Bytes `[begin, end)`. May be a view of shared memory: do not write to it. */
  read(begin: number, end: number): Promise<Uint8Array>;
  /** All bytes in order, where a stream is better than ranges: see {@link partsOf}. */
  stream?(): AsyncIterable<Uint8Array>;
  close?(): Promise<void>;
}

/** Opens a file of a folder by its plain name, or returns null when it is missing. */
export type FileOpener = (file: string) => Promise<ByteSource | null>;

/** Bytes of a part, where the source does not choose. */
const PART_BYTES = 2 ** 18;

/** Throws unless `[begin, end)` lies within `size` bytes. */
export function checkRange(begin: number, end: number, size: number, name: string): void {
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || begin > end || end > size) {
    throw new FileError('argument', `bytes ${begin} to ${end} were asked for, but it has ${size}`, name);
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
    stream: () => readStream(blob.stream()),
  };
}

/**
 * All bytes of a source in order, in parts: from its own stream, or by ranges of 256 KB. A reader that stops early
 * closes the stream.
 */
export async function* partsOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  if (source.stream) {
    yield* source.stream();
    return;
  }
  for (let at = 0; at < source.size; at += PART_BYTES) {
    yield await source.read(at, Math.min(source.size, at + PART_BYTES));
  }
}

/** Joins parts. A single part is not copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The chunks of a web stream; by hand, because browsers cannot iterate streams yet. */
export async function* readStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
