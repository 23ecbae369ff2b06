/** @file Whether probabilities mean what they say: reliability, expected calibration error, temperature. */
import { logit, sigmoid, softplus } from '../special.js';

/** One bin of equal width. */
export interface ReliabilityBin {
  /** Number of the bin from 0; it holds p in [bin / bins, (bin + 1) / bins), the last also 1. */
  bin: number;
  n: number;
  meanProbability: number;
  /** Share of class 1. */
  rate: number;
}

/** The bin of p: min(floor(p * bins), bins - 1). */
export function binOf(p: number, bins: number): number {
  return Math.min(Math.floor(p * bins), bins - 1);
}

/** Non-empty bins of `p` [n] against labels or rates `y` [n]. */
export function reliability(p: ArrayLike<number>, y: ArrayLike<number>, bins = 15): ReliabilityBin[] {
  const count = new Float64Array(bins);
  const sumP = new Float64Array(bins);
  const sumY = new Float64Array(bins);
  for (let i = 0; i < p.length; i++) {
    const bin = binOf(p[i], bins);
    count[bin]++;
    sumP[bin] += p[i];
    sumY[bin] += y[i];
  }
  return Array.from(count, (n, bin) => ({ bin, n, meanProbability: sumP[bin] / n, rate: sumY[bin] / n })).filter(
    ({ n }) => n > 0,
  );
}

/** Expected calibration error: sum of n_k / n * |rate - mean probability| over bins. Null for no predictions. */
export function calibrationError(p: ArrayLike<number>, y: ArrayLike<number>, bins = 15): number | null {
  if (p.length === 0) return null;
  return reliability(p, y, bins).reduce((sum, bin) => sum + (bin.n / p.length) * gapOf(bin), 0);
}

/** Largest |rate - mean probability| of a bin. Null for no predictions. */
export function maximumCalibrationError(p: ArrayLike<number>, y: ArrayLike<number>, bins = 15): number | null {
  if (p.length === 0) return null;
  return Math.max(...reliability(p, y, bins).map(gapOf));
}

function gapOf({ rate, meanProbability }: ReliabilityBin): number {
  return Math.abs(rate - meanProbability);
}

/** Confidence max(p, 1 - p) and whether class p >= 0.5 was right: input of {@link reliability} for the top label. */
export function topLabel(p: ArrayLike<number>, y: ArrayLike<number>): { p: Float64Array; y: Float64Array } {
  return {
    p: Float64Array.from(p, (value) => Math.max(value, 1 - value)),
    y: Float64Array.from(p, (value, i) => (value >= 0.5 ? y[i] : 1 - y[i])),
  };
}

/** Divisor of the logits (Guo et al. 2017), and its gain on the predictions it was fitted on. */
export interface Temperature {
  temperature: number;
  /** Mean negative log likelihood at temperature 1. */
  nllBefore: number;
  nllAfter: number;
  /** The search ended at the edge of [0.01, 100]: the classes are separated, or the scores say nothing. */
  atBound: boolean;
}

/**
 * The temperature in [0.01, 100] that minimises mean log(1 + exp(-(2y - 1) z / T)), z = logit(p). The mean is convex in
 * 1 / T, so the sign of its slope decides each halving. Null for no predictions.
 */
export function fitTemperature(p: ArrayLike<number>, y: ArrayLike<number>): Temperature | null {
  const n = p.length;
  if (n === 0) return null;
  const z = Float64Array.from(p, logit);
  const nll = (t: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += y[i] * softplus(-z[i] / t) + (1 - y[i]) * softplus(z[i] / t);
    return sum / n;
  };
  const slope = (inverse: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += z[i] * (sigmoid(z[i] * inverse) - y[i]);
    return sum;
  };
  let low = Math.log(0.01);
  let high = Math.log(100);
  for (let round = 0; round < 60; round++) {
    const middle = (low + high) / 2;
    if (slope(Math.exp(-middle)) > 0) low = middle;
    else high = middle;
  }
  const temperature = Math.exp((low + high) / 2);
  return {
    temperature,
    nllBefore: nll(1),
    nllAfter: nll(temperature),
    atBound: temperature < 0.0101 || temperature > 99,
  };
}

/** Probabilities after dividing their logits by a temperature. */
export function applyTemperature(p: ArrayLike<number>, temperature: number): Float64Array {
  return Float64Array.from(p, (value) => sigmoid(logit(value) / temperature));
}
