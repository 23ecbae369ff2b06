/** @file The one error class of this package. */

/**
 * What is wrong: `malformed` (not JSON, or a part is missing or of another kind), `unsupported` (a valid file, or a
 * machine, that this package cannot use), `vocabulary` (tokens, ids or merges contradict each other, or miss what a text
 * needs), `argument` (an option), `thread` (a thread of a pool failed).
 */
type TokenizerErrorCode = 'malformed' | 'unsupported' | 'vocabulary' | 'argument' | 'thread';

/** A file, vocabulary or option cannot be used. The message says what was read, what was expected and what to do. */
export class TokenizerError extends Error {
  override name = 'TokenizerError';
  readonly code: TokenizerErrorCode;

  constructor(code: TokenizerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
