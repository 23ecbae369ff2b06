/** @file Accuracy when the model only answers where it is most certain. */
import { ascending, credits } from './binary.js';
import { wilsonInterval } from './significance.js';

/** A point is the accuracy of the `n` most certain predictions, a share `coverage` of all, with its 95 % interval. */
export interface RiskCoverage {
  points: { coverage: number; n: number; accuracy: number; low: number; high: number }[];
  /** Mean error over all coverages (area under the risk-coverage curve); null for no predictions. */
  area: number | null;
}

/**
 * Accuracy of the most certain 5 %, 10 %, ... 100 % by |p - 1/2|. Equally certain predictions share their mean, so
 * their order does not matter. Intervals are Wilson's and treat battles as independent.
 */
export function riskCoverage(p: ArrayLike<number>, y: ArrayLike<number>): RiskCoverage {
  const n = p.length;
  if (n === 0) return { points: [], area: null };
  const doubt = Float64Array.from(p, (value) => -Math.abs(value - 0.5));
  const order = ascending(doubt);
  const credit = credits(p, y);
  const right = new Float64Array(n + 1); // expected number right among the first k
  for (let begin = 0; begin < n; ) {
    let end = begin;
    let sum = 0;
    while (end < n && doubt[order[end]] === doubt[order[begin]]) sum += credit[order[end++]];
    for (let k = begin; k < end; k++) right[k + 1] = right[begin] + (sum * (k + 1 - begin)) / (end - begin);
    begin = end;
  }
  let area = 0;
  for (let k = 1; k <= n; k++) area += (1 - right[k] / k) / n;
  const sizes = [...new Set(Array.from({ length: 20 }, (_, i) => Math.max(1, Math.round(((i + 1) / 20) * n))))];
  const points = sizes.map((k) => {
    const [low, high] = wilsonInterval(right[k], k)!;
    return { coverage: k / n, n: k, accuracy: right[k] / k, low, high };
  });
  return { points, area };
}
