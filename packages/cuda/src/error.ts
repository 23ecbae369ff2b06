/** @file GPU errors that a caller can tell apart. */

/** The driver is missing, too old, or refused; or a kernel failed. */
export class CudaError extends Error {
  override readonly name: string = 'CudaError';

  constructor(
    message: string,
    /** The driver's result, such as 700; 0 when the driver was not reached. */
    readonly code = 0,
  ) {
    super(message);
  }
}

/** Device memory, or the budget, is too small for an allocation. The engine stays usable. */
export class CudaOutOfMemoryError extends CudaError {
  override readonly name = 'CudaOutOfMemoryError';

  constructor(
    message: string,
    /** Bytes requested. */
    readonly bytes: number,
  ) {
    super(message, 2);
  }
}
