/** @file The one error type of this package. */

/** What cannot be written as ONNX, and what to do. */
export class OnnxError extends Error {
  override readonly name = 'OnnxError';
}
