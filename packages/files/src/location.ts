/** @file Locations of a folder: a disk, the web, memory, a browser's storage. */
import { diskFolder } from './disk.js';
import { FileError, quote } from './error.js';
import { blobSource, bytesSource, type FileOpener } from './source.js';
import { urlFolder } from './url.js';

/**
 * A folder: its path (Node), its address (`https://host/owner/model/resolve/main/`), or a function that opens its
 * files.
 */
export type Location = string | FileOpener;

/** The opener of a location. */
export function openerAt(location: Location): FileOpener {
  if (typeof location === 'function') return location;
  return /^https?:\/\//i.test(location) ? urlFolder(location) : diskFolder(location);
}

/** Name of a location in messages. */
export function placeName(location: Location): string {
  return typeof location === 'string' ? location.replace(/\/+$/, '') || '/' : 'checkpoint';
}

/** Files in memory, by name. */
export function bytesFolder(files: Readonly<Record<string, Uint8Array | string>>): FileOpener {
  return async (file) => {
    if (!Object.hasOwn(files, file)) return null;
    const content = files[file];
    return bytesSource(typeof content === 'string' ? new TextEncoder().encode(content) : content, file);
  };
}

/**
 * Files that a person chose or dropped on a page (`input.files`, also with `webkitdirectory`). In nested folders, the
 * files nearest to the top count.
 * @throws FileError when two files of one name are at the same depth.
 */
export function filesFolder(files: Iterable<File>): FileOpener {
  const byName = new Map<string, { file: File; depth: number }>();
  const depths = [...files].map((file) => ({ file, depth: (file.webkitRelativePath ?? '').split('/').length }));
  depths.sort((a, b) => a.depth - b.depth);
  for (const entry of depths) {
    const other = byName.get(entry.file.name);
    if (other?.depth === entry.depth) {
      const where = `${other.file.webkitRelativePath || 'one'} and ${entry.file.webkitRelativePath || 'another'}`;
      throw new FileError('argument', `given twice (${where}): choose the files of one model`, entry.file.name);
    }
    if (!other) byName.set(entry.file.name, entry);
  }
  return async (file) => {
    const entry = byName.get(file);
    return entry ? blobSource(entry.file) : null;
  };
}

/**
 * All bytes of a small file of a folder, or null when it is missing.
 * @throws FileError when it is larger than `maxBytes`.
 */
export async function readFileAt(
  location: Location,
  file: string,
  { maxBytes = 100_000_000 }: { maxBytes?: number } = {},
): Promise<Uint8Array | null> {
  const source = await openerAt(location)(file);
  if (!source) return null;
  try {
    if (source.size > maxBytes) {
      throw new FileError(
        'too_large',
        `has ${source.size} bytes, the limit for ${quote(file)} is ${maxBytes}`,
        source.name,
      );
    }
    return await source.read(0, source.size);
  } finally {
    await source.close?.();
  }
}
