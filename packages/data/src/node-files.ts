/** @file Files and folders of the local disk (Node), asked for at run time so that bundlers have nothing to resolve. */

import { DataError } from './error.js';
import { type ByteSource, CHUNK_BYTES } from './source.js';

const DATA_FILE = /\.(parquet|csv|jsonl|ndjson|json)(\.gz)?$/i;

function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  const found = globalThis.process?.getBuiltinModule?.(name);
  if (!found)
    throw new DataError('paths can be read in Node (20.19 or later) only; pass a URL, a Blob (File) or bytes');
  return found as Builtins[Name];
}

interface Builtins {
  'node:fs': typeof import('node:fs');
  'node:fs/promises': typeof import('node:fs/promises');
  'node:path': typeof import('node:path');
  'node:url': typeof import('node:url');
}

/** Opens a file, or the data files of a folder (not of those below it) by name. */
export async function* openPath(path: string | URL): AsyncGenerator<ByteSource> {
  const { readdir, stat } = builtin('node:fs/promises');
  const { join } = builtin('node:path');
  const name = path instanceof URL ? builtin('node:url').fileURLToPath(path) : path;
  const info = await stat(name).catch((cause) => {
    throw new DataError(`cannot be opened (${cause.code}); check the path`, { file: name }, { cause });
  });
  if (!info.isDirectory()) {
    yield fileSource(name, info.size);
    return;
  }
  const files = (await readdir(name)).filter((file) => DATA_FILE.test(file)).sort();
  if (files.length === 0) throw new DataError('the folder has no .parquet, .csv, .jsonl or .json file', { file: name });
  for (const file of files) yield* openPath(join(name, file));
}

function fileSource(path: string, byteLength: number): ByteSource {
  return {
    name: builtin('node:path').basename(path),
    byteLength,
    async slice(start, end) {
      const file = await builtin('node:fs/promises')
        .open(path)
        .catch((cause) => {
          throw new DataError(`cannot be read (${cause.code})`, { file: path }, { cause });
        });
      try {
        const bytes = new Uint8Array(Math.max(0, end - start));
        for (let done = 0; done < bytes.length; ) {
          const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) {
            throw new DataError(`ends at ${start + done}, ${end} expected; was it cut short while being read?`, {
              file: path,
            });
          }
          done += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    },
    stream: () => builtin('node:fs').createReadStream(path, { highWaterMark: CHUNK_BYTES }),
  };
}
