/** @file The one error class of this package. */

/**
 * What kind of bad input it was: `malformed` (not JSON, or a part is missing or of another kind), `unsupported` (a valid
 * file or machine that this package cannot use), `vocabulary` (tokens, ids or merges that contradict each other),
 * `argument` (an option or call), `thread` (a thread of a pool failed).
 */
type TokenizerErrorCode = 'malformed' | 'unsupported' | 'vocabulary' | 'argument' | 'thread';

/** A file, vocabulary or argument that cannot be used. The message says what was read, what was expected and what to do. */
export class TokenizerError extends Error {
  override name = 'TokenizerError';
  readonly code: TokenizerErrorCode;

  constructor(code: TokenizerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
