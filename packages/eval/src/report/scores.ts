/** @file The main table: every predictor's scores and the paired tests, from one bootstrap over shared rounds. */

import { bootstrapFigure, type Figure, shareFigure } from '../bootstrap/bootstrap.js';
import type { Clustering } from '../bootstrap/draws.js';
import { ScoreSums } from '../bootstrap/score-sums.js';
import { accuracy, brier, credits, logLoss, rocAuc } from '../metrics/binary.js';
import { calibrationError } from '../metrics/calibration.js';
import { mcnemar } from '../metrics/significance.js';
import type { Predictor } from './baselines.js';
import type { Comparison, PredictorScores, Section } from './report.js';

/** Scores of all predictors; the first is compared with each of the others. */
export function scoreSection(
  predictors: readonly Predictor[],
  labels: Float64Array,
  clustering: Clustering,
  bins: number,
): Section<{ predictors: PredictorScores[]; comparisons: Comparison[] }> {
  const sums = predictors.map(({ probabilities }) => new ScoreSums(probabilities, labels, clustering, bins));
  return {
    statistics: sums,
    finish() {
      const table = predictors.map((predictor, k) => scoresOf(predictor, sums[k], labels, clustering, bins));
      const side = (k: number) => ({ scores: table[k], sums: sums[k], probabilities: predictors[k].probabilities });
      const comparisons = predictors.slice(1).map((_, k) => comparePair(side(0), side(k + 1), labels));
      return { predictors: table, comparisons };
    },
  };
}

/** A predictor's scores with their intervals, once the bootstrap has run. */
export function scoresOf(
  { name, description, fittedOn, probabilities: p, calibrated, coefficients }: Predictor,
  sums: ScoreSums,
  labels: Float64Array,
  { clusters }: Clustering,
  bins: number,
): PredictorScores {
  const n = labels.length;
  const figure = (value: number | null, samples: Float64Array) =>
    bootstrapFigure(calibrated ? value : null, samples, n);
  return {
    name,
    description,
    fittedOn,
    accuracy: shareFigure(accuracy(p, labels), sums.accuracy, n, clusters),
    logLoss: figure(logLoss(p, labels), sums.logLoss),
    brier: figure(brier(p, labels), sums.brier),
    auc: bootstrapFigure(rocAuc(p, labels), sums.auc, n),
    ece: figure(calibrationError(p, labels, bins), sums.ece),
    coefficients: coefficients ?? null,
  };
}

/** One predictor of a pair: its scores, its bootstrap samples, and P(A) [n]. */
export interface Side {
  scores: PredictorScores;
  sums: ScoreSums;
  probabilities: Float64Array;
}

/** Paired differences and tests of two predictors over the same rounds. */
export function comparePair(first: Side, second: Side, labels: Float64Array): Comparison {
  const n = labels.length;
  return {
    first: first.scores.name,
    second: second.scores.name,
    accuracyDifference: difference(
      first.scores.accuracy,
      second.scores.accuracy,
      first.sums.accuracy,
      second.sums.accuracy,
      n,
    ),
    logLossDifference: difference(
      first.scores.logLoss,
      second.scores.logLoss,
      first.sums.logLoss,
      second.sums.logLoss,
      n,
    ),
    mcnemar: mcnemarOf(first.probabilities, second.probabilities, labels),
  };
}

/** First minus second, with percentiles of the difference within each round. */
function difference(first: Figure, second: Figure, a: Float64Array, b: Float64Array, n: number): Figure {
  const value = first.value === null || second.value === null ? null : first.value - second.value;
  const samples = a.map((sample, round) => sample - b[round]);
  return bootstrapFigure(value, samples, n);
}

function mcnemarOf(p: Float64Array, q: Float64Array, labels: Float64Array) {
  const first = credits(p, labels);
  const second = credits(q, labels);
  const onlyFirst = first.filter((credit, i) => credit > second[i]).length;
  const onlySecond = first.filter((credit, i) => credit < second[i]).length;
  return mcnemar(onlyFirst, onlySecond);
}
