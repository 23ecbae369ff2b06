/** @file Metrics of class probabilities [n][classes] against class numbers [n]. Null for no predictions. */

import { mean } from '../special.js';
import { calibrationError } from './calibration.js';

/** The class of each row: the first of the largest. */
function argmax(probabilities: readonly (readonly number[])[]): number[] {
  return probabilities.map((row) => row.indexOf(Math.max(...row)));
}

/** Share predicted right. */
export function multiclassAccuracy(probabilities: readonly (readonly number[])[], y: readonly number[]): number | null {
  return mean(argmax(probabilities).map((said, i) => (said === y[i] ? 1 : 0)));
}

/** Mean negative log of the true class's probability, rows scaled to sum to 1 after clipping to [1e-15, 1]. */
export function multiclassLogLoss(probabilities: readonly (readonly number[])[], y: readonly number[]): number | null {
  return mean(
    probabilities.map((row, i) => {
      const clipped = row.map((value) => Math.min(Math.max(value, 1e-15), 1));
      return -Math.log(clipped[y[i]] / clipped.reduce((a, b) => a + b, 0));
    }),
  );
}

/** Mean over rows of the squared errors summed over classes. */
export function multiclassBrier(probabilities: readonly (readonly number[])[], y: readonly number[]): number | null {
  return mean(
    probabilities.map((row, i) => row.reduce((sum, value, k) => sum + (value - (k === y[i] ? 1 : 0)) ** 2, 0)),
  );
}

/** Counts [true class][predicted class]. */
export function multiclassConfusion(probabilities: readonly (readonly number[])[], y: readonly number[], classes = 3) {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const [i, said] of argmax(probabilities).entries()) counts[y[i]][said]++;
  return counts;
}

/** Mean of the classes' F1; a class without examples and predictions counts 0. */
export function macroF1(
  probabilities: readonly (readonly number[])[],
  y: readonly number[],
  classes = 3,
): number | null {
  const counts = multiclassConfusion(probabilities, y, classes);
  return mean(
    counts.map((row, k) => {
      const actual = row.reduce((a, b) => a + b, 0);
      const said = counts.reduce((sum, other) => sum + other[k], 0);
      return row[k] === 0 ? 0 : (2 * row[k]) / (actual + said);
    }),
  );
}

/** Expected calibration error of the largest probability against whether its class was right. */
export function multiclassCalibrationError(
  probabilities: readonly (readonly number[])[],
  y: readonly number[],
  bins = 15,
): number | null {
  const confidence = probabilities.map((row) => Math.max(...row));
  return calibrationError(
    confidence,
    argmax(probabilities).map((said, i) => (said === y[i] ? 1 : 0)),
    bins,
  );
}
