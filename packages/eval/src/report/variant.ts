/** @file Other predictions of the battles of a report, such as a part of the model. */
import type { Prediction } from '../battle.js';

/** A row of the scores beside the model's. */
export interface Variant {
  name: string;
  description: string;
  /** Source of its numbers, such as 'the validation part (192 votes)'. */
  fittedOn: string;
  /** One for each battle of the report. */
  predictions: readonly Prediction[];
}
