/** @file Two predictors in turn: the first answers where it is certain, the second is asked about the rest. */
import { ascending, credits, logLosses } from './binary.js';

/** What a cascade gives where the second predictor is asked about a share of the battles. */
export interface CascadePoint {
  /** Share of the battles that the second is asked about, and their number. */
  share: number;
  n: number;
  /** The second is asked where the first's |p - 1/2| is at most this; null where it is never asked. */
  within: number | null;
  accuracy: number;
  logLoss: number;
}

/**
 * Accuracy and log loss where the second predictor is asked about the least certain 0 %, 10 %, ... 100 % of the first's battles.
 * Equally certain battles stay together, so that a share may be larger than its step, and steps may fall together.
 * @param first P(1) of each battle by the predictor that is asked about all [n].
 * @param second P(1) by the other [n].
 * @param y Labels, 0 to 1 [n].
 */
export function cascadeCurve(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  y: ArrayLike<number>,
): CascadePoint[] {
  const n = first.length;
  if (n === 0) return [];
  const certainty = Float64Array.from(first, (p) => Math.abs(p - 0.5));
  const order = ascending(certainty);
  const sums = [credits(first, y), credits(second, y), logLosses(first, y), logLosses(second, y)];
  const points: CascadePoint[] = [];
  for (let step = 0; step <= 10; step++) {
    let asked = Math.round((step / 10) * n);
    while (asked > 0 && asked < n && certainty[order[asked]] === certainty[order[asked - 1]]) asked++;
    if (asked === points.at(-1)?.n) continue;
    const [right, rightOf2, loss, lossOf2] = sums;
    const mean = (of1: Float64Array, of2: Float64Array) =>
      order.reduce((sum, battle, i) => sum + (i < asked ? of2 : of1)[battle], 0) / n;
    points.push({
      share: asked / n,
      n: asked,
      within: asked ? certainty[order[asked - 1]] : null,
      accuracy: mean(right, rightOf2),
      logLoss: mean(loss, lossOf2),
    });
  }
  return points;
}
