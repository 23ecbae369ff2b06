/** @file The one error that this package throws for bad input. */

type EngineErrorCode = 'option' | 'unavailable' | 'self_test' | 'memory' | 'limit' | 'closed' | 'kernel' | 'tensor';

/**
 * An engine cannot open, or cannot do what was asked. `code` says which kind:
 * - `option`: an unknown engine, or an unknown or invalid option
 * - `unavailable`: the engine cannot run here: a package, driver, adapter or feature is missing
 * - `self_test`: the engine opened but computes wrong numbers
 * - `memory`: the engine's memory is full
 * - `limit`: a tensor or a launch is beyond the device's limits
 * - `closed`: the engine was closed
 * - `kernel`: an op or kernel does not match its declaration, has the name of another, or failed
 * - `tensor`: a tensor of a type, shape or index that the engine does not support
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
