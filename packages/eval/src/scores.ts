/** @file The main table: every predictor's scores and the paired tests, from one bootstrap over shared rounds. */
import type { Predictor } from './baselines.js';
import { accuracy, brier, brierScores, credits, logLoss, logLosses, rocAuc } from './binary.js';
import { bootstrapFigure, type Clustering, type Figure, shareFigure } from './bootstrap.js';
import { calibrationError } from './calibration.js';
import { columnMeans } from './column-means.js';
import { orderedScores } from './ordered-scores.js';
import type { Comparison, PredictorScores, Section } from './report.js';
import { mcnemar } from './significance.js';

/** Columns of a predictor: credit, log loss, Brier. */
const COLUMNS = 3;

/** Scores of all predictors; the first is compared with each of the others. */
export function scoreSection(
  predictors: readonly Predictor[],
  labels: Float64Array,
  clustering: Clustering,
  bins: number,
): Section<{ predictors: PredictorScores[]; comparisons: Comparison[] }> {
  const n = labels.length;
  const { clusters } = clustering;
  const credit = predictors.map(({ probabilities }) => credits(probabilities, labels));
  const columns = predictors.flatMap(({ probabilities }, k) => [
    credit[k],
    logLosses(probabilities, labels),
    brierScores(probabilities, labels),
  ]);
  const means = columnMeans(columns, clustering);
  const ordered = predictors.map(({ probabilities }) => orderedScores(probabilities, labels, clustering, bins));
  const unknown: Figure = { value: null, low: null, high: null, n, interval: null };

  function scores({ name, description, fittedOn, probabilities: p, calibrated, coefficients }: Predictor, k: number) {
    const { auc, ece } = ordered[k].samples();
    const figure = (value: number | null, samples: Float64Array) =>
      calibrated ? bootstrapFigure(value, samples, n) : unknown;
    return {
      name,
      description,
      fittedOn,
      accuracy: shareFigure(accuracy(p, labels), means.column(COLUMNS * k), n, clusters),
      logLoss: figure(logLoss(p, labels), means.column(COLUMNS * k + 1)),
      brier: figure(brier(p, labels), means.column(COLUMNS * k + 2)),
      auc: bootstrapFigure(rocAuc(p, labels), auc, n),
      ece: figure(calibrationError(p, labels, bins), ece),
      coefficients: coefficients ?? null,
    };
  }

  function difference(a: number, b: number, defined: boolean): Figure {
    if (!defined || n === 0) return unknown;
    const first = means.column(a);
    const second = means.column(b);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += columns[a][i] - columns[b][i];
    return bootstrapFigure(
      sum / n,
      first.map((value, round) => value - second[round]),
      n,
    );
  }

  function comparison(k: number): Comparison {
    let onlyFirst = 0;
    let onlySecond = 0;
    for (let i = 0; i < n; i++) {
      if (credit[0][i] > credit[k][i]) onlyFirst++;
      else if (credit[0][i] < credit[k][i]) onlySecond++;
    }
    return {
      first: predictors[0].name,
      second: predictors[k].name,
      accuracyDifference: difference(0, COLUMNS * k, true),
      logLossDifference: difference(1, COLUMNS * k + 1, predictors[0].calibrated && predictors[k].calibrated),
      mcnemar: mcnemar(onlyFirst, onlySecond),
    };
  }

  return {
    statistics: [...means.statistics, ...ordered.map(({ statistic }) => statistic)],
    finish: () => ({
      predictors: predictors.map(scores),
      comparisons: predictors.slice(1).map((_, k) => comparison(k + 1)),
    }),
  };
}
