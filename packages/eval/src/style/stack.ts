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
import { fitLogistic, type SparseRows, sparseRows } from '../metrics/logistic.js';
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
/** The choice is made on at most this many votes, the first; a and b are fitted on all. */
const CHOOSING = 10_000;

/**
 * Fits the candidates and chooses by repeated cross-validation, whose folds keep a prompt together. In each fold the
 * strength is chosen anew, by the other folds, so that a candidate's choice of strength does not flatter it.
 */
export function chooseStack(
  votes: StackVotes,
  { inLoss = false, seed = 0 }: { inLoss?: boolean; seed?: number } = {},
): StackChoice {
  const some = firstOf(votes, CHOOSING);
  const y = Float64Array.from(some.labels);
  const b = inLoss ? 1 : 0;
  const repeats = foldCount(votes) < 2 ? 0 : Math.max(1, Math.min(REPEATS, Math.round(HELD_OUT / y.length)));
  const random = seededRandom(seed, 3);
  const splits = Array.from({ length: repeats }, () => groupedFolds(some, random));
  const raw: StackCandidate = { name: 'raw', a: 1, b, logLoss: meanLoss(scores(some, { a: 1, b }), y) };
  const tried = [raw];
  let kept = raw;
  for (const name of inLoss ? (['temperature'] as const) : (['temperature', 'stack'] as const)) {
    if (!repeats) break;
    const free = name === 'stack' ? 2 : 1;
    const fit = multiplierFit(some, free, b);
    const score: FitAndScore = (fitted, C) => scores(some, fit(fitted, C));
    const C = bestStrength(score, y, STRENGTHS, splits);
    const candidate = { name, ...multiplierFit(votes, free, b)(ALL, C), logLoss: heldOutLoss(score, y, splits) };
    tried.push(candidate);
    if (candidate.logLoss < kept.logLoss) kept = candidate;
  }
  return { kept, tried };
}

const ALL = () => true;

function firstOf({ margins, style, labels, clusterOf, clusters }: StackVotes, count: number): StackVotes {
  const first = (values: ArrayLike<number>) =>
    Float64Array.from({ length: Math.min(count, values.length) }, (_, i) => values[i]);
  const some = { margins: first(margins), style: first(style), labels: first(labels) };
  return { ...some, clusterOf: clusterOf.slice(0, count), clusters };
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

/**
 * Fits the first one or two of (a, b) towards (1, b), on the chosen rows: the minimum of the ridge with a >= 0.01.
 * @returns the fit for rows and an inverse strength.
 */
export function multiplierFit(
  { margins, style, labels }: Pick<StackVotes, 'margins' | 'style' | 'labels'>,
  free: 1 | 2,
  b: number,
): (fitted: (row: number) => boolean, C: number) => Multipliers {
  const columns = free === 2 ? [margins, style] : [margins];
  const x = columnsOf(columns);
  const start = scores({ margins, style }, { a: 1, b });
  return (fitted, C) => {
    const options = { C, intercept: false, weights: start.map((_, row) => Number(fitted(row))), tolerance: 1e-7 };
    const [toA, toB = 0] = fitLogistic(x, labels, { ...options, offset: start }).coefficients; // from (1, b)
    if (1 + toA >= LEAST) return { a: 1 + toA, b: b + toB };
    if (free === 1) return { a: LEAST, b };
    const offset = scores({ margins, style }, { a: LEAST, b });
    return { a: LEAST, b: b + fitLogistic(columnsOf([style]), labels, { ...options, offset }).coefficients[0] };
  };
}

function columnsOf(columns: readonly ArrayLike<number>[]): SparseRows {
  const rows = Array.from(columns[0], (_, row) => columns.map((column, k) => [k, column[row]] as const));
  return sparseRows(rows, columns.length);
}

/** Log odds a m + b s [n]. */
function scores({ margins, style }: Pick<StackVotes, 'margins' | 'style'>, { a, b }: Multipliers): Float64Array {
  return Float64Array.from(margins, (margin, row) => a * margin + b * style[row]);
}

function meanLoss(z: Float64Array, y: Float64Array): number {
  return z.reduce((sum, value, row) => sum + logLossOf(value, y[row]), 0) / Math.max(1, y.length);
}
