/** @file The one error that this package throws for files that are not what they should be. */
import { quote } from '@arena/files/source';

/** A file, header or tensor that cannot be used. `file` and `tensor` name the place when known. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string;
  readonly tensor: string | undefined;

  constructor(message: string, file: string, tensor?: string) {
    super(`${file}${tensor === undefined ? '' : `, tensor ${quote(tensor)}`}: ${message}`);
    this.file = file;
    this.tensor = tensor;
  }
}
