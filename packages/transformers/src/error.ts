/** @file The one error type of this package. */

type TransformersErrorCode = 'argument' | 'input' | 'tokenizer' | 'cache';

/**
 * What cannot be used, and what to do. `code` says which kind:
 * - `argument`: an option, or something that is not transformers.js
 * - `input`: a battle or text
 * - `tokenizer`: an object without the content of a tokenizer.json
 * - `cache`: a file that the cache cannot keep
 */
export class TransformersError extends Error {
  override readonly name = 'TransformersError';
  readonly code: TransformersErrorCode;

  constructor(code: TransformersErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
