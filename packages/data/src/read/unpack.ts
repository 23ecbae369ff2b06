/** @file Unpacks gzip and Zstandard: by Node's own library where it is there, else in JavaScript. */
import type { Readable as NodeReadable, Transform } from 'node:stream';
import type { ByteSource } from '@arena/files';
import { partsOf } from '@arena/files/source';
import { Gunzip } from 'fflate';
import { Decompress } from 'fzstd';
import { DataError } from '../error.js';

/** Kinds of packing that are read. */
export type Packing = 'gzip' | 'zstd';

/**
 * The bytes in a packed file, of all its members or frames.
 * @throws DataError when it is damaged or cut short.
 */
export async function* unpacked(source: ByteSource, packing: Packing): AsyncGenerator<Uint8Array> {
  const { name: file } = source;
  try {
    yield* nodeTransform(packing) ? byNode(source, nodeTransform(packing)!) : byScript(source, packing);
  } catch (cause) {
    if (cause instanceof DataError) throw cause; // a read that failed
    const what = packing === 'gzip' ? 'gzip' : 'Zstandard';
    const { message } = cause as Error;
    throw new DataError('format', `not valid ${what} (${message}); is the download complete?`, { file }, { cause });
  }
}

type Zlib = typeof import('node:zlib') & { createZstdDecompress?: () => Transform & { bytesWritten: number } };

function nodeTransform(packing: Packing): (() => Transform & { bytesWritten: number }) | undefined {
  const zlib = globalThis.process?.getBuiltinModule?.('node:zlib') as Zlib | undefined;
  return packing === 'gzip' ? zlib?.createGunzip : zlib?.createZstdDecompress;
}

async function* byNode(
  source: ByteSource,
  create: () => Transform & { bytesWritten: number },
): AsyncGenerator<Uint8Array> {
  const { Readable, pipeline } = process.getBuiltinModule('node:stream');
  const transform = create();
  const parts = partsOf(source);
  pipeline(Readable.from(parts, { objectMode: false }) as NodeReadable, transform, () => {}); // errors come with the parts
  try {
    yield* transform as AsyncIterable<Uint8Array>;
    // Zeros behind the end pad a file; of anything else Node says nothing.
    for (let at = transform.bytesWritten; at < source.size; at += 65_536) {
      const rest = await source.read(at, Math.min(source.size, at + 65_536));
      if (rest.some((byte) => byte !== 0)) throw new Error(`${source.size - at} bytes follow its end`);
    }
  } finally {
    await parts.return(undefined);
  }
}

/** The same without Node. Browsers' own DecompressionStream refuses a second member. */
export async function* byScript(source: ByteSource, packing: Packing): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  const members = packing === 'gzip' ? memberChecks() : undefined;
  const taken = (part: Uint8Array) => {
    if (part.length === 0) return;
    members?.add(part);
    ready.push(part.slice());
  };
  let push: (part: Uint8Array, last: boolean) => void;
  if (members) {
    const gunzip = new Gunzip(taken);
    gunzip.onmember = members.end;
    push = (part, last) => gunzip.push(part, last);
  } else {
    const frames = new Decompress(taken);
    push = (part, last) => frames.push(part, last);
  }
  for await (const part of partsOf(source)) {
    push(part, false);
    yield* ready;
    ready = [];
  }
  push(new Uint8Array(0), true);
  yield* ready;
  members?.end(source.size);
  for (const { end, length, crc } of members?.all ?? []) {
    const trailer = end < 18 ? undefined : await source.read(end - 8, end);
    const view = trailer && new DataView(trailer.buffer, trailer.byteOffset, 8);
    if (view?.getUint32(0, true) !== crc || view.getUint32(4, true) !== length) {
      throw new Error(`the checksum of the part that ends at byte ${end} does not fit`);
    }
  }
}

/** Sums over what comes out of each member of a gzip, for the checksums that stand behind it. */
function memberChecks() {
  const all: { end: number; length: number; crc: number }[] = [];
  let crc = -1;
  let length = 0;
  return {
    all,
    add(part: Uint8Array) {
      for (let i = 0; i < part.length; i++) crc = CRC[(crc ^ part[i]) & 255] ^ (crc >>> 8);
      length = (length + part.length) >>> 0;
    },
    end(end: number) {
      all.push({ end, length, crc: ~crc >>> 0 });
      crc = -1;
      length = 0;
    },
  };
}

/** The table of CRC-32 as gzip has it (RFC 1952, section 8). */
const CRC = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});
