/** @file The one error that this package throws for files that are not what they should be. */
import { quote } from '@arena/files/source';

/**
 * What is wrong: another format, a version that is not read, a file or length beyond the file's end, a metadata value, a
 * tensor's place or shape, a ggml type that is not decoded, an architecture that is not known, a part of a split file,
 * a model to write that llama.cpp has no way to run.
 */
export type GgufErrorCode =
  | 'not_gguf'
  | 'version'
  | 'truncated'
  | 'metadata'
  | 'tensor'
  | 'type'
  | 'architecture'
  | 'missing_part'
  | 'llama_cpp';

/** A GGUF file that cannot be used. `file`, and `key` or `tensor`, name the place where they are known. */
export class GgufError extends Error {
  override readonly name = 'GgufError';
  readonly code: GgufErrorCode;
  readonly file: string;
  readonly key: string | undefined;
  readonly tensor: string | undefined;

  constructor(code: GgufErrorCode, message: string, file: string, at: { key?: string; tensor?: string } = {}) {
    const { key, tensor } = at;
    const place = tensor !== undefined ? `, tensor ${quote(tensor)}` : key !== undefined ? `, key ${quote(key)}` : '';
    super(`${file}${place}: ${message}`);
    this.code = code;
    this.file = file;
    this.key = key;
    this.tensor = tensor;
  }
}
