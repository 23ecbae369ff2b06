/** @file The text of a small file: UTF-8, with or without a byte order mark, and no other kind of file. */
import { FileError } from '../error.js';
import { type Location, placeName, readFileAt } from '../location.js';
import { fileKind } from './kind.js';
import { utf8Stream } from './utf8.js';

type FileFail = (reason: string) => Error;

const damaged = (path: string) => (reason: string) => new FileError('damaged', reason, path);

/**
 * The text in the bytes of a file, without a byte order mark.
 * @param fail Makes the error in place of a FileError.
 * @throws FileError when it is another kind of file (a Git LFS pointer, a web page) or not UTF-8.
 */
export function fileText(bytes: Uint8Array, path: string, fail: FileFail = damaged(path)): string {
  let all = '';
  for (const text of textParts(bytes, fail)) all += text;
  return all;
}

/**
 * The bytes of a large text, without a byte order mark, after the same checks.
 * @throws FileError as {@link fileText}.
 */
export function textBytes(bytes: Uint8Array, path: string, fail: FileFail = damaged(path)): Uint8Array {
  for (const _ of textParts(bytes, fail));
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** Bytes decoded at a time. */
const PART = 2 ** 20;

function* textParts(bytes: Uint8Array, fail: FileFail): Generator<string> {
  const kind = fileKind(bytes);
  if (kind) throw fail(`is ${kind.name}; ${kind.advice}`);
  const decoder = utf8Stream();
  let line = 1;
  for (let at = 0; at < bytes.length; at += PART) {
    const { text, bad } = decoder.push(bytes.subarray(at, at + PART));
    if (bad !== undefined) {
      line += text.split('\n').length - 1;
      throw fail(`line ${line}: ${bad}`);
    }
    for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) line++;
    yield text;
  }
  const { bad } = decoder.end();
  if (bad !== undefined) throw fail(`line ${line}: ${bad}`);
}

/**
 * The text of a file of a folder, or null when it is missing.
 * @throws FileError as {@link fileText}, and when it is larger than `maxBytes`.
 */
export async function readTextAt(
  location: Location,
  file: string,
  { fail, ...options }: { maxBytes?: number; fail?: FileFail } = {},
): Promise<string | null> {
  const bytes = await readFileAt(location, file, options);
  return bytes && fileText(bytes, `${placeName(location)}/${file}`, fail);
}
