/**
 * @file What style alone says of a vote: log odds s = sum over features of coefficient * difference / scale, without a
 * constant, so that exchanging A and B turns the sign. Fitted by a ridge whose strength is cross-validated by prompt.
 */
import type { Battle } from '../battle.js';
import { seededRandom } from '../bootstrap/random.js';
import { EvaluationInputError } from '../error.js';
import { fitLogistic, times } from '../metrics/logistic.js';
import { columnScales, STYLE_FEATURES, scaledRows, styleDifferences } from './features.js';
import { bestStrength, type FitAndScore, foldCount, type Grouping, groupedFolds } from './folds.js';

/** One term of the style's log odds: `coefficient` for a difference of one `scale`. */
export interface StyleTerm {
  scale: number;
  coefficient: number;
}

/** Terms by the name of their feature, of {@link STYLE_FEATURES}. */
export type StyleTerms = Record<string, StyleTerm>;

/** Fitted terms, and the inverse strength of their ridge (as {@link fitLogistic} takes it). */
export interface StyleFit {
  terms: StyleTerms;
  C: number;
}

/** Inverse strengths to choose from; the differences have a root mean square of about 1. */
const STRENGTHS = [0.001, 0.01, 0.1, 1, 10];
/**
 * Least scale, in differences of log counts. Of a feature that few answers have the root mean square is tiny: dividing by
 * it would leave the ridge nothing to hold, and one vote would decide what the feature says.
 */
const LEAST_SCALE = 0.25;
/** Inverse strength where one prompt allows no cross-validation. */
const UNCHECKED = 1;
/** The strength is chosen on at most this many battles, the first: of so many it no longer matters. */
const CHOOSING = 20_000;

/**
 * Fits the terms.
 * @param labels Share of the win that goes to A [battles].
 * @param C Inverse strength of the ridge. Default: the one of 0.001, 0.01, 0.1, 1, 10 with the least log loss in five
 * folds that keep a prompt together.
 */
export function fitStyle(
  battles: readonly Battle[],
  labels: ArrayLike<number>,
  groups: Grouping,
  { C, seed = 0 }: { C?: number; seed?: number } = {},
): StyleFit {
  const differences = styleDifferences(battles);
  const scales = columnScales(differences, STYLE_FEATURES.length).map((scale) => Math.max(scale, LEAST_SCALE));
  const x = scaledRows(differences, scales);
  const y = Float64Array.from(labels);
  const strength = C ?? chosenStrength(differences.slice(0, CHOOSING), scales, y.slice(0, CHOOSING), groups, seed);
  const { coefficients } = fitLogistic(x, y, { C: strength, intercept: false });
  const terms = STYLE_FEATURES.map((name, k) => [name, { scale: scales[k], coefficient: coefficients[k] }] as const);
  return { terms: Object.fromEntries(terms), C: strength };
}

function chosenStrength(
  differences: readonly number[][],
  scales: readonly number[],
  y: Float64Array,
  { clusterOf, clusters }: Grouping,
  seed: number,
): number {
  const groups = { clusterOf: clusterOf.slice(0, y.length), clusters };
  if (foldCount(groups) < 2) return UNCHECKED;
  const x = scaledRows(differences, scales);
  const score: FitAndScore = (fitted, C) => {
    const weights = y.map((_, row) => Number(fitted(row)));
    return times(x, fitLogistic(x, y, { C, weights, intercept: false, tolerance: 1e-6 }).coefficients, false);
  };
  return bestStrength(score, y, STRENGTHS, [groupedFolds(groups, seededRandom(seed, 2))]);
}

/**
 * Log odds that style alone gives to A [battles]. A feature without a term counts nothing.
 * @throws EvaluationInputError for a term that is no feature of this version.
 */
export function styleLogOdds(terms: StyleTerms, battles: readonly Battle[]): Float64Array {
  const unknown = Object.keys(terms).find((name) => !STYLE_FEATURES.some((feature) => feature === name));
  if (unknown !== undefined) {
    throw new EvaluationInputError(
      'argument',
      `style term "${unknown}" is not known; expected ${STYLE_FEATURES.join(', ')}`,
    );
  }
  const used = STYLE_FEATURES.map((name) => (Object.hasOwn(terms, name) ? terms[name] : { scale: 1, coefficient: 0 }));
  return Float64Array.from(styleDifferences(battles), (row) =>
    row.reduce((sum, difference, k) => sum + (used[k].coefficient * difference) / used[k].scale, 0),
  );
}
