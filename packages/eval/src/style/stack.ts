/**
 * @file Two numbers that make a judge's probability of its margin m and the style's log odds s: p = sigmoid(a m + b s).
 * Each candidate is a ridge towards (1, 0): it minimises ((a - 1)^2 + b^2) / (2 C) + sum of log losses. A candidate
 * with more numbers is kept only where its cross-validated log loss is lower than that of the one before it.
 *
 *   raw          (1, 0)      temperature   (a, 0)      stack   (a, b)
 *
 * Of a judge that was trained with s in its loss (`inLoss`), b is 1 throughout, and only a can be fitted.
 */
import { seededRandom } from '../bootstrap/random.js';
import { fitLogistic, sparseRows } from '../metrics/logistic.js';
import { bestStrength, type FitAndScore, foldCount, type Grouping, groupedFolds, logLossOf } from './folds.js';

/** Votes to fit on, with what the judge and what the style says of each. */
export interface StackVotes extends Grouping {
  /** log P(A) - log P(B) by the judge [n]. */
  margins: ArrayLike<number>;
  /** Log odds of A by the style [n]. */
  style: ArrayLike<number>;
  /** Share of the win that goes to A [n]. */
  labels: ArrayLike<number>;
}

/** p = sigmoid(a m + b s). */
export interface Multipliers {
  a: number;
  b: number;
}

/** A candidate, fitted on all votes, and its log loss on votes that it was not fitted on. */
export interface StackCandidate extends Multipliers {
  name: 'raw' | 'temperature' | 'stack';
  logLoss: number;
}

/** The candidates from the simplest, and the one that is kept. */
export interface StackChoice {
  kept: StackCandidate;
  tried: StackCandidate[];
}

/** Inverse strengths to choose from: variances of a and b around (1, 0). */
const STRENGTHS = [0.001, 0.01, 0.1, 1, 10];
/** Smallest a, the temperature 100: a margin never counts against itself. */
const LEAST = 0.01;
/** The cross-validation holds out about this many votes in all, and repeats its folds at most so many times. */
const HELD_OUT = 2000;
const REPEATS = 10;

/**
 * Fits the candidates and chooses by repeated cross-validation, whose folds keep a prompt together. In each fold the
 * strength is chosen anew, by the other folds, so that a candidate's choice of strength does not flatter it.
 */
export function chooseStack(
  votes: StackVotes,
  { inLoss = false, seed = 0 }: { inLoss?: boolean; seed?: number } = {},
): StackChoice {
  const y = Float64Array.from(votes.labels);
  const b = inLoss ? 1 : 0;
  const repeats = foldCount(votes) < 2 ? 0 : Math.max(1, Math.min(REPEATS, Math.round(HELD_OUT / y.length)));
  const random = seededRandom(seed, 3);
  const splits = Array.from({ length: repeats }, () => groupedFolds(votes, random));
  const raw: StackCandidate = { name: 'raw', a: 1, b, logLoss: meanLoss(scores(votes, { a: 1, b }), y) };
  const tried = [raw];
  let kept = raw;
  for (const name of inLoss ? (['temperature'] as const) : (['temperature', 'stack'] as const)) {
    if (!repeats) break;
    const free = name === 'stack' ? 2 : 1;
    const fit: FitAndScore = (fitted, C) => scores(votes, fitMultipliers(votes, { free, b, C, fitted }));
    const C = bestStrength(fit, y, STRENGTHS, splits);
    const candidate = { name, ...fitMultipliers(votes, { free, b, C }), logLoss: heldOutLoss(fit, y, splits) };
    tried.push(candidate);
    if (candidate.logLoss < kept.logLoss) kept = candidate;
  }
  return { kept, tried };
}

/** Mean log loss of rows that neither the fit nor the choice of its strength has seen. */
function heldOutLoss(fit: FitAndScore, y: Float64Array, splits: readonly Int32Array[]): number {
  let sum = 0;
  for (const foldOf of splits) {
    for (const fold of new Set(foldOf)) {
      const seen = (row: number) => foldOf[row] !== fold;
      const z = fit(seen, bestStrength(fit, y, STRENGTHS, [foldOf], seen));
      for (let row = 0; row < y.length; row++) if (!seen(row)) sum += logLossOf(z[row], y[row]);
    }
  }
  return sum / (y.length * splits.length);
}

/** How to fit: the first one or two of (a, b), towards (1, b), on the chosen rows (default: all). */
interface MultiplierOptions {
  free: 1 | 2;
  b: number;
  C: number;
  fitted?: (row: number) => boolean;
}

/** The minimum of the ridge with a >= 0.01. */
export function fitMultipliers(
  { margins, style, labels }: Pick<StackVotes, 'margins' | 'style' | 'labels'>,
  { free, b, C, fitted = () => true }: MultiplierOptions,
): Multipliers {
  const rows = Array.from(labels, (_, row) => row);
  const options = { C, intercept: false, weights: rows.map((row) => Number(fitted(row))) };
  // what is fitted is the distance of (a, b) from (1, b)
  const distance = (columns: readonly ArrayLike<number>[], offset: number[]) => {
    const x = sparseRows(
      rows.map((row) => columns.map((column, k) => [k, column[row]] as const)),
      columns.length,
    );
    return fitLogistic(x, labels, { ...options, offset }).coefficients;
  };
  const start = rows.map((row) => margins[row] + b * style[row]);
  const [toA, toB = 0] = distance(free === 2 ? [margins, style] : [margins], start);
  if (1 + toA >= LEAST) return { a: 1 + toA, b: b + toB };
  const least = rows.map((row) => LEAST * margins[row] + b * style[row]);
  return { a: LEAST, b: free === 2 ? b + distance([style], least)[0] : b };
}

/** Log odds a m + b s [n]. */
function scores({ margins, style }: StackVotes, { a, b }: Multipliers): Float64Array {
  return Float64Array.from(margins, (margin, row) => a * margin + b * style[row]);
}

function meanLoss(z: Float64Array, y: Float64Array): number {
  return z.reduce((sum, value, row) => sum + logLossOf(value, y[row]), 0) / Math.max(1, y.length);
}
