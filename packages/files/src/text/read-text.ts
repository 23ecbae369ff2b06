/** @file The text of a small file of a folder: UTF-8, with or without a byte order mark. */
import { FileError } from '../error.js';
import { type Location, placeName, readFileAt } from '../location.js';
import { fileKind } from './kind.js';
import { decodeUtf8 } from './utf8.js';

/**
 * The text of a file of a folder, or null when it is missing.
 * @throws FileError when it is larger than `maxBytes`, is another kind of file (a Git LFS pointer, a web page), or is
 * not UTF-8.
 */
export async function readTextAt(
  location: Location,
  file: string,
  options: { maxBytes?: number } = {},
): Promise<string | null> {
  const bytes = await readFileAt(location, file, options);
  if (!bytes) return null;
  const path = `${placeName(location)}/${file}`;
  const kind = fileKind(bytes);
  if (kind) throw new FileError('damaged', `is ${kind.name}; ${kind.advice}`, path);
  const { text, bad } = decodeUtf8(bytes);
  if (bad === undefined) return text;
  const line = text.split('\n').length;
  throw new FileError('damaged', `line ${line}: ${bad}`, path);
}
