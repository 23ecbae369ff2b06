/**
 * @file Metrics of a probability `p` [n] of class 1 against labels `y` [n]. A label may lie between 0 and 1: 0.5, a
 * tie, counts as half an example of each class. Undefined values are null.
 */
import { mean } from '../special.js';

/** Share predicted right; class 1 is predicted when p >= 0.5. */
export function accuracy(p: ArrayLike<number>, y: ArrayLike<number>): number | null {
  return mean(credits(p, y));
}

/** Accuracy of each prediction: the share of its label that it predicts. */
export function credits(p: ArrayLike<number>, y: ArrayLike<number>): Float64Array {
  const out = new Float64Array(p.length);
  for (let i = 0; i < out.length; i++) out[i] = p[i] >= 0.5 ? y[i] : 1 - y[i];
  return out;
}

/** Mean negative log likelihood, natural log, p clipped to [1e-15, 1 - 1e-15]. */
export function logLoss(p: ArrayLike<number>, y: ArrayLike<number>): number | null {
  return mean(logLosses(p, y));
}

/** Log loss of each prediction. */
export function logLosses(p: ArrayLike<number>, y: ArrayLike<number>): Float64Array {
  return Float64Array.from(p, (value, i) => {
    const clipped = Math.min(Math.max(value, 1e-15), 1 - 1e-15);
    const one = y[i] > 0 ? y[i] * Math.log(clipped) : 0;
    const zero = y[i] < 1 ? (1 - y[i]) * Math.log(1 - clipped) : 0;
    return -one - zero;
  });
}

/** Mean squared error of the probability. */
export function brier(p: ArrayLike<number>, y: ArrayLike<number>): number | null {
  return mean(brierScores(p, y));
}

/** Squared error of each prediction. */
export function brierScores(p: ArrayLike<number>, y: ArrayLike<number>): Float64Array {
  return Float64Array.from(p, (value, i) => y[i] * (value - 1) ** 2 + (1 - y[i]) * value ** 2);
}

/** Area under the ROC curve: P(a random 1 scores above a random 0), equal scores half. Null with one class only. */
export function rocAuc(p: ArrayLike<number>, y: ArrayLike<number>): number | null {
  const order = ascending(p);
  let below = 0;
  let ones = 0;
  let area = 0;
  for (let i = 0; i < order.length; ) {
    const score = p[order[i]];
    let groupOnes = 0;
    let groupZeros = 0;
    for (; i < order.length && p[order[i]] === score; i++) {
      groupOnes += y[order[i]];
      groupZeros += 1 - y[order[i]];
    }
    area += groupOnes * (below + groupZeros / 2);
    below += groupZeros;
    ones += groupOnes;
  }
  return ones > 0 && below > 0 ? area / (ones * below) : null;
}

/** Average precision: the sum over thresholds of (recall gained) * precision. Null without a 1. */
export function averagePrecision(p: ArrayLike<number>, y: ArrayLike<number>): number | null {
  const order = ascending(p).reverse();
  let taken = 0;
  let ones = 0;
  let sum = 0;
  for (let i = 0; i < order.length; ) {
    const score = p[order[i]];
    let groupOnes = 0;
    for (; i < order.length && p[order[i]] === score; i++) {
      groupOnes += y[order[i]];
      taken++;
    }
    ones += groupOnes;
    sum += (groupOnes * ones) / taken;
  }
  return ones > 0 ? sum / ones : null;
}

/** Counts `[[true 0 said 0, true 0 said 1], [true 1 said 0, true 1 said 1]]`. */
export function confusion(p: ArrayLike<number>, y: ArrayLike<number>): [[number, number], [number, number]] {
  const counts: [[number, number], [number, number]] = [
    [0, 0],
    [0, 0],
  ];
  for (let i = 0; i < p.length; i++) {
    const said = p[i] >= 0.5 ? 1 : 0;
    counts[1][said] += y[i];
    counts[0][said] += 1 - y[i];
  }
  return counts;
}

/** F1 of class 1; 0 where precision and recall are undefined. */
export function f1Score(p: ArrayLike<number>, y: ArrayLike<number>): number {
  const [[, falseOnes], [missed, hits]] = confusion(p, y);
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + falseOnes + missed);
}

/** Matthews correlation; 0 where a row or column of the confusion is empty. */
export function matthewsCorrelation(p: ArrayLike<number>, y: ArrayLike<number>): number {
  const [[tn, fp], [fn, tp]] = confusion(p, y);
  const product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn);
  return product === 0 ? 0 : (tp * tn - fp * fn) / Math.sqrt(product);
}

/** Indices that sort `values` from low to high, equal ones in their order. */
export function ascending(values: ArrayLike<number>): Uint32Array {
  const order = new Uint32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order.sort((a, b) => values[a] - values[b] || a - b);
}
