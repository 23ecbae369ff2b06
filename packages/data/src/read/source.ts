/** @file What battles are read from: paths, folders, addresses, Blobs, bytes, opened as files. */

import { type ByteSource, blobSource, bytesSource, FileError, openFile, urlSource } from '@arena/files';
import { nodeFs, partsOf } from '@arena/files/source';
import { fileKind, KIND_BYTES } from '@arena/files/text';
import { DataError } from '../error.js';

/** A file that is opened when its turn comes, such as one of a data set on the hub. */
export interface BattleFile {
  /** Its path, as messages name it. */
  name: string;
  open(): Promise<ByteSource>;
}

/**
 * Something that `readBattles` reads: a file or folder path (Node), an http(s) URL, a Blob, bytes, a file to open, or
 * several of those.
 */
export type BattleSource = string | URL | Blob | Uint8Array | ArrayBuffer | BattleFile | BattleSource[];

/** Names of files of votes. */
export const DATA_FILE = /\.(parquet|csv|tsv|jsonl|ndjson|json)(\.(gz|zst))?$/i;
/** Files that no reader of a folder counts: hidden ones (macOS, checksums) and those of Spark (`_SUCCESS`). */
const HIDDEN = /^[._]/;

/** A file of battles. `folder` is the one that it was found in: it may hold files of other content, too. */
export type DataFile = ByteSource & { folder?: string };

/**
 * Opens every file of a source, in order. A folder gives its data files by name, without hidden ones. The caller closes
 * each. A server without ranges sends the whole file, so every format works.
 *
 * @throws DataError for what cannot be opened or read
 */
export async function* openSources(source: BattleSource): AsyncGenerator<DataFile> {
  try {
    yield* openAll(source);
  } catch (error) {
    throw dataError(error);
  }
}

async function* openAll(source: BattleSource): AsyncGenerator<DataFile> {
  if (Array.isArray(source)) {
    for (const part of source) yield* openAll(part);
  } else if (source instanceof Uint8Array) {
    yield dataFile(bytesSource(source));
  } else if (source instanceof ArrayBuffer) {
    yield dataFile(bytesSource(new Uint8Array(source)));
  } else if (source instanceof Blob) {
    yield dataFile(blobSource(source));
  } else if (source instanceof URL || (typeof source === 'string' && /^(https?|file):\/\//.test(source))) {
    const url = new URL(source);
    if (url.protocol === 'file:') yield* openPath(pathOf(url));
    else
      yield dataFile(await urlSource(url.href, { withoutRanges: 'hold' }), url.pathname.split('/').at(-1) || url.host);
  } else if (typeof source === 'string') {
    yield* openPath(source);
  } else if (source && 'open' in source) {
    yield dataFile(await source.open(), source.name);
  } else {
    throw new DataError(
      'argument',
      `a path, URL, Blob or bytes expected, ${source === null ? 'null' : typeof source} found`,
    );
  }
}

/** Opens a file, or the data files of a folder by name, without subfolders (Node). */
async function* openPath(path: string, folder?: string): AsyncGenerator<DataFile> {
  const { readdir, stat } = nodeFs();
  const info = await stat(path).catch((cause) => {
    throw new DataError('read', `cannot be opened (${cause.code}); check the path`, { file: path }, { cause });
  });
  if (!info.isDirectory()) {
    yield { ...dataFile(await openFile(path), path.split(/[\\/]/).at(-1)), folder };
    return;
  }
  const entries = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !HIDDEN.test(name));
  const files = entries.flatMap(({ name }) => (DATA_FILE.test(name) ? [name] : [])).sort();
  if (files.length === 0) throw await noData(path, entries);
  for (const file of files) yield* openPath(`${path}/${file}`, path);
}

/** Says what a folder without data files has in their place. */
async function noData(path: string, entries: { name: string; isDirectory(): boolean }[]): Promise<DataError> {
  for (const { name } of entries.filter((entry) => !entry.isDirectory())) {
    const source = await openFile(`${path}/${name}`);
    const kind = fileKind(await source.read(0, Math.min(KIND_BYTES, source.size)));
    await source.close?.();
    if (kind) return new DataError('format', `is ${kind.name}; ${kind.advice}`, { file: `${path}/${name}` });
  }
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const more = folders.length > 0 ? `; it has the folders ${folders.slice(0, 5).join(', ')}: name one of them` : '';
  return new DataError('read', `the folder has no .parquet, .csv, .tsv, .jsonl or .json file${more}`, { file: path });
}

function pathOf(url: URL): string {
  nodeFs(); // throws where there is none
  return process.getBuiltinModule('node:url').fileURLToPath(url);
}

/** A file of battles. Messages use its plain name, and failed reads are DataErrors. */
function dataFile(source: ByteSource, name = source.name): ByteSource {
  return {
    name,
    size: source.size,
    read: (begin, end) =>
      source.read(begin, end).catch((error) => {
        throw dataError(error);
      }),
    async *stream() {
      try {
        yield* partsOf(source);
      } catch (error) {
        throw dataError(error);
      }
    },
    close: async () => source.close?.(),
  };
}

function dataError(error: unknown): unknown {
  return error instanceof FileError
    ? new DataError('read', error.reason, { file: error.file }, { cause: error })
    : error;
}
