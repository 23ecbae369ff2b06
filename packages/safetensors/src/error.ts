/** @file The one error that this package throws for bad input. */
import { quote } from '@arena/files/source';

type SafetensorsErrorCode = 'not_found' | 'format' | 'truncated' | 'too_large' | 'argument';

/**
 * A file, header or tensor that cannot be used. `file` and `tensor` name the place if known. `code` says which kind:
 * - `not_found`: a file of the checkpoint, or a requested tensor, is missing
 * - `format`: the header or the index is damaged
 * - `truncated`: the file was cut short
 * - `too_large`: a header beyond the format's limit
 * - `argument`: an invalid tensor to write, or invalid rows to read
 */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly code: SafetensorsErrorCode;
  readonly file: string;
  readonly tensor: string | undefined;

  constructor(code: SafetensorsErrorCode, message: string, file: string, tensor?: string) {
    super(`${file}${tensor === undefined ? '' : `, tensor ${quote(tensor)}`}: ${message}`);
    this.code = code;
    this.file = file;
    this.tensor = tensor;
  }
}
