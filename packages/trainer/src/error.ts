/** @file The one error that this package throws for bad input. */

type TrainerErrorCode = 'not_found' | 'format' | 'damaged' | 'mismatch' | 'diverged' | 'argument';

/**
 * A checkpoint or option that cannot be used, or a run that cannot continue. `code` says which kind:
 * - `not_found`: a file of the checkpoint folder is missing
 * - `format`: a file is not in the form of the Hugging Face Trainer, torch or Arena
 * - `damaged`: a file of the checkpoint has changed since it was saved
 * - `mismatch`: the optimizer's state does not fit the model's parameters
 * - `diverged`: the loss or the norm of the gradients is not finite
 * - `argument`: an invalid option, or an invalid result of a callback
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
  readonly code: TrainerErrorCode;

  constructor(code: TrainerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
