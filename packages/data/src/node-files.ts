/** @file Files and folders of the local disk (Node); loaded only when a path is read. */

import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError } from './error.js';
import type { ByteSource } from './source.js';

const DATA_FILE = /\.(parquet|csv|jsonl|ndjson|json)(\.gz)?$/i;

/** Opens a file, or the data files of a folder (not of those below it) by name. */
export async function* openPath(path: string | URL): AsyncGenerator<ByteSource> {
  const name = path instanceof URL ? fileURLToPath(path) : path;
  const info = await stat(name).catch((cause) => {
    throw new DataError(
      `cannot be opened (${(cause as NodeJS.ErrnoException).code}); check the path`,
      { file: name },
      { cause },
    );
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
    name: basename(path),
    byteLength,
    async slice(start, end) {
      const file = await open(path);
      try {
        const bytes = new Uint8Array(Math.max(0, end - start));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
        if (bytesRead !== bytes.length)
          throw new DataError(`ends at ${start + bytesRead}, ${end} expected; was it cut short while being read?`, {
            file: path,
          });
        return bytes;
      } finally {
        await file.close();
      }
    },
    stream: () => createReadStream(path),
  };
}
