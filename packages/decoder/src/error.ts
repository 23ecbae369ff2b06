/** @file The one error that this package throws for bad input. */

type DecoderErrorCode = 'config' | 'checkpoint' | 'adapter' | 'batch' | 'argument' | 'memory';

/**
 * A checkpoint, a batch or an option that cannot be used. `code` says which kind:
 * - `config`: config.json is damaged, of an unknown family, or asks for what is not computed here
 * - `checkpoint`: a file or tensor of the checkpoint is missing, damaged, or of another shape than config.json asks for
 * - `adapter`: an adapter is missing, in use, named twice, or has a head that does not fit the base
 * - `batch`: token ids, masks, labels or weights that do not fit each other, the vocabulary or the loss
 * - `argument`: an option that cannot be
 * - `memory`: a step does not fit the memory budget, even when every layer is recomputed
 */
export class DecoderError extends Error {
  override readonly name = 'DecoderError';
  readonly code: DecoderErrorCode;

  constructor(code: DecoderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
