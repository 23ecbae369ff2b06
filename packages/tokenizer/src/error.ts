/** @file The one error type of this package. */

/** A tokenizer.json, or an argument, that cannot be used: the message says what was read, what was expected and what to do. */
export class TokenizerError extends Error {
  override name = 'TokenizerError';
}
