/** @file The one error that this package throws for bad input. */

type EvaluationInputErrorCode = 'battle' | 'prediction' | 'format' | 'argument';

/**
 * Input that cannot be evaluated; the message names the row. `code` says which kind:
 * - `battle`: a battle has a field that is missing or cannot be, or an id that stands twice
 * - `prediction`: a prediction is missing, unknown, given twice, or no probability
 * - `format`: a file of predictions is no CSV or JSON lines
 * - `argument`: an option that cannot be
 */
export class EvaluationInputError extends Error {
  override readonly name = 'EvaluationInputError';
  readonly code: EvaluationInputErrorCode;

  constructor(code: EvaluationInputErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
