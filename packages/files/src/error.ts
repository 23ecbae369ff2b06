/** @file The one error that this package throws for files and addresses that cannot be used. */

import { withoutSecrets } from './without-secrets.js';

type FileErrorCode = 'not_found' | 'refused' | 'network' | 'changed' | 'damaged' | 'too_large' | 'storage' | 'argument';

/**
 * A file, folder or address that cannot be read or written: `file` names it, `reason` says what is wrong. `code` says
 * which kind:
 * - `not_found`: nothing is there (ENOENT, 404)
 * - `refused`: the server or the system denies access (rights, a token), or the server ignores ranges
 * - `network`: the server cannot be reached or is busy; another try may help
 * - `changed`: the file changed while it was read
 * - `damaged`: the bytes are not the expected ones: wrong number, wrong SHA-256, not an index
 * - `too_large`: the file is beyond a limit
 * - `storage`: the bytes cannot be stored, such as on a full disk
 * - `argument`: an invalid name, range or choice of files
 */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: FileErrorCode;
  readonly file: string;
  readonly reason: string;

  constructor(code: FileErrorCode, reason: string, file: string, options?: ErrorOptions) {
    const [place, why] = [withoutSecrets(file), withoutSecrets(reason)];
    super(`${place}: ${why}`, options);
    this.code = code;
    this.file = place;
    this.reason = why;
  }
}

/** Quotes foreign text for a message, and cuts it where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
