/** @file The one error that this package throws for bad input. */

type EvaluationInputErrorCode = 'battle' | 'prediction' | 'format' | 'argument';

/**
 * Input that cannot be evaluated; the message names the row. `code` says which kind:
 * - `battle`: a battle has a missing or invalid field, or a duplicate id
 * - `prediction`: a prediction is missing, unknown, given twice, or not a probability
 * - `format`: a file of predictions is not CSV or JSON lines
 * - `argument`: an invalid option
 */
export class EvaluationInputError extends Error {
  override readonly name = 'EvaluationInputError';
  readonly code: EvaluationInputErrorCode;

  constructor(code: EvaluationInputErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
