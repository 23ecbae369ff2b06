/** @file The one error that this package throws for bad input. */

type LoraErrorCode = 'config' | 'not_found' | 'weights' | 'targets' | 'argument';

/**
 * An adapter or its configuration that cannot be used. `code` says which kind:
 * - `config`: a field of the configuration has a wrong or unsupported value
 * - `not_found`: a file of the adapter folder is not there
 * - `weights`: the matrices do not fit the configuration or the base
 * - `targets`: no linear layer of the base matches the configuration
 * - `argument`: adapters that cannot be combined as asked
 */
export class LoraError extends Error {
  override readonly name = 'LoraError';
  readonly code: LoraErrorCode;

  constructor(code: LoraErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
