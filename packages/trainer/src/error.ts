/** @file The one error that this package throws for bad input. */

type TrainerErrorCode = 'not_found' | 'format' | 'damaged' | 'mismatch' | 'diverged' | 'argument';

/**
 * A checkpoint, an option or a run that cannot go on. `code` says which kind:
 * - `not_found`: a file of the checkpoint folder is not there
 * - `format`: a file is not what the Hugging Face Trainer, torch or Arena writes
 * - `damaged`: a file of the checkpoint is not as it was saved
 * - `mismatch`: the optimizer's state is of other parameters than the model's
 * - `diverged`: the loss or the norm of the gradients is not finite
 * - `argument`: an option or callback that cannot be
 */
export class TrainerError extends Error {
  override readonly name = 'TrainerError';
  readonly code: TrainerErrorCode;

  constructor(code: TrainerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
