/** @file Tests and intervals of counts: McNemar for two predictors on the same examples, Wilson for a share. */
import { erfc, logFactorial, normalQuantile } from '../special.js';

/** McNemar's test (1947). `exactP` holds for any counts; `chi2P`, of one degree of freedom, for large ones. */
export interface McNemar {
  /** Examples that only the first got right, and only the second. */
  b: number;
  c: number;
  /** Two-sided binomial(min(b, c); b + c, 1/2); 1 when they never differ. */
  exactP: number;
  /** (|b - c| - 1)^2 / (b + c), with continuity correction; null when they never differ. */
  chi2: number | null;
  chi2P: number | null;
}

/** McNemar's test from the counts of discordant examples. */
export function mcnemar(b: number, c: number): McNemar {
  const n = b + c;
  if (n === 0) return { b, c, exactP: 1, chi2: null, chi2P: null };
  const chi2 = (Math.abs(b - c) - 1) ** 2 / n;
  return { b, c, exactP: binomialTwoSided(Math.min(b, c), n), chi2, chi2P: erfc(Math.sqrt(chi2 / 2)) };
}

/** 2 * P(X <= k), X ~ binomial(n, 1/2), at most 1. The terms fall from the largest, so the sum is exact enough. */
function binomialTwoSided(k: number, n: number): number {
  if (2 * k >= n) return 1;
  let term = Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) - n * Math.LN2);
  let sum = term;
  for (let i = k; i > 0 && term > sum * 1e-18; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.min(1, 2 * sum);
}

/** Wilson's interval of a share k / n (k may be a fraction: half credits). Null when n is 0. */
export function wilsonInterval(k: number, n: number, confidence = 0.95): [number, number] | null {
  if (n === 0) return null;
  const z = normalQuantile(0.5 + confidence / 2);
  const p = k / n;
  const scale = 1 + (z * z) / n;
  const centre = (p + (z * z) / (2 * n)) / scale;
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / scale;
  return [k > 0 ? Math.max(0, centre - half) : 0, k < n ? Math.min(1, centre + half) : 1];
}
