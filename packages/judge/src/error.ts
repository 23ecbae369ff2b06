/** @file The one error that this package throws for bad input. */

type JudgeErrorCode = 'settings' | 'votes' | 'base' | 'card' | 'diverged';

/**
 * Settings, votes, a base or a judge's files that cannot be used. Names of settings stand in backticks (`` `maxTokens`
 * ``), so that a command can show its flags in their place. `code` says which kind:
 * - `settings`: settings that contradict each other, or the base that they meet
 * - `votes`: votes that a judge cannot learn from with these settings
 * - `base`: the base's tokenizer is missing, damaged, or belongs to another model
 * - `card`: the judge's arena.json is missing, damaged, or does not fit the checkpoint beside it
 * - `diverged`: the training diverged, and there is no adapter to save
 */
export class JudgeError extends Error {
  override readonly name = 'JudgeError';
  readonly code: JudgeErrorCode;

  constructor(code: JudgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
