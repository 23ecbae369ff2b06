/** @file The one error that this package throws for bad input. */

type EngineErrorCode = 'option' | 'unavailable' | 'self_test' | 'memory' | 'limit' | 'closed' | 'kernel' | 'tensor';

/**
 * An engine that cannot be opened, or cannot do what it was given. `code` says which kind:
 * - `option`: no such engine, or an option that the engine does not have or that cannot be
 * - `unavailable`: the engine cannot run here: a package, driver, adapter or feature is missing
 * - `self_test`: the engine opened and computes wrong numbers
 * - `memory`: the engine's memory is full
 * - `limit`: a tensor or a launch is beyond what the device allows
 * - `closed`: the engine was closed
 * - `kernel`: an op or kernel is not what was declared, has the name of another, or failed
 * - `tensor`: a tensor of a type, shape or index that the engine cannot take
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
