/** @file The one error that this package throws for bad input. */

type QuantErrorCode = 'argument' | 'values' | 'state' | 'weights';

/**
 * Values, options or a stored 4-bit weight that cannot be used. `code` says which kind:
 * - `argument`: an invalid option or shape: type, block size, a shape that does not fit the values
 * - `values`: a value to quantise is not finite
 * - `state`: a stored 4-bit weight is not in bitsandbytes' form: a tensor is missing, of another size or another code
 * - `weights`: a matrix to quantise is not in the checkpoint, or is quantised already
 */
export class QuantError extends Error {
  override readonly name = 'QuantError';
  readonly code: QuantErrorCode;

  constructor(code: QuantErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
