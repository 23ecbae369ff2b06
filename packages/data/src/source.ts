/** @file Where bytes come from: a path, folder, URL, Blob or buffer, all read by ranges or as a stream. */

import { DataError } from './error.js';
import { openPath } from './node-files.js';
import { urlSource } from './url-source.js';

/** Something that `readBattles` reads: a file or folder path (Node), an http(s) URL, a Blob, bytes, or several of those. */
export type BattleSource = string | URL | Blob | Uint8Array | ArrayBuffer | BattleSource[];

/** Bytes of a chunk of a stream, where it is ours to choose. */
export const CHUNK_BYTES = 2 ** 18;

/** One file's bytes. */
export interface ByteSource {
  /** For messages. */
  name: string;
  byteLength: number;
  /** Bytes [start, end); `end` is at most byteLength. */
  slice(start: number, end: number): Promise<Uint8Array>;
  stream(): AsyncIterable<Uint8Array>;
}

/** Opens every file that a source means, in order; a folder gives its data files by name. */
export async function* openSources(source: BattleSource): AsyncGenerator<ByteSource> {
  if (Array.isArray(source)) {
    for (const part of source) yield* openSources(part);
  } else if (source instanceof Uint8Array) {
    yield bytesSource(source, 'bytes');
  } else if (source instanceof ArrayBuffer) {
    yield bytesSource(new Uint8Array(source), 'bytes');
  } else if (source instanceof Blob) {
    yield blobSource(source, source instanceof File ? source.name : 'blob');
  } else if (source instanceof URL || (typeof source === 'string' && /^(https?|file):\/\//.test(source))) {
    const url = new URL(source);
    if (url.protocol === 'file:') yield* openPath(url);
    else yield await urlSource(url);
  } else if (typeof source === 'string') {
    yield* openPath(source);
  } else {
    throw new DataError(`a path, URL, Blob or bytes expected, ${source === null ? 'null' : typeof source} found`);
  }
}

/** A Blob, or what fits in one, as a source. */
export function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    byteLength: blob.size,
    slice: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
    stream: () => readStream(blob.stream()),
  };
}

/** Bytes that are at hand, without a copy of the whole. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    byteLength: bytes.length,
    slice: async (start, end) => bytes.slice(start, end),
    async *stream() {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    },
  };
}

/** The chunks of a web stream; written out because browsers do not iterate streams yet. */
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
