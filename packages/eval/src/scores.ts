/** @file The main table: every predictor's scores and the paired tests, from one bootstrap over shared rounds. */
import type { Predictor } from './baselines.js';
import { accuracy, brier, credits, logLoss, rocAuc } from './binary.js';
import { bootstrapFigure, type Clustering, type Figure, shareFigure } from './bootstrap.js';
import { calibrationError } from './calibration.js';
import type { Comparison, PredictorScores, Section } from './report.js';
import { ScoreSums } from './score-sums.js';
import { mcnemar } from './significance.js';

/** Scores of all predictors; the first is compared with each of the others. */
export function scoreSection(
  predictors: readonly Predictor[],
  labels: Float64Array,
  clustering: Clustering,
  bins: number,
): Section<{ predictors: PredictorScores[]; comparisons: Comparison[] }> {
  const n = labels.length;
  const sums = predictors.map(({ probabilities }) => new ScoreSums(probabilities, labels, clustering, bins));
  return {
    statistics: sums,
    finish() {
      const table = predictors.map((predictor, k) => scoresOf(predictor, sums[k], labels, clustering, bins));
      const comparisons = predictors.slice(1).map(({ name, probabilities }, k): Comparison => {
        const first = table[0];
        const second = table[k + 1];
        const [a, b] = [sums[0], sums[k + 1]];
        return {
          first: first.name,
          second: name,
          accuracyDifference: difference(first.accuracy, second.accuracy, a.accuracy, b.accuracy, n),
          logLossDifference: difference(first.logLoss, second.logLoss, a.logLoss, b.logLoss, n),
          mcnemar: mcnemarOf(predictors[0].probabilities, probabilities, labels),
        };
      });
      return { predictors: table, comparisons };
    },
  };
}

function scoresOf(
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

/** First less second, with percentiles of the difference within each round. */
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
