/** @file The one error that this package throws for files and addresses that cannot be used. */

/** A file, folder or address that cannot be read or written: `file` names it, `reason` says what stands in the way. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly file: string;
  readonly reason: string;

  constructor(reason: string, file: string, options?: ErrorOptions) {
    super(`${file}: ${reason}`, options);
    this.file = file;
    this.reason = reason;
  }
}

/** Text from elsewhere as it may stand in a message: quoted, and cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
