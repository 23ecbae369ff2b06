/** @file Baselines for a model: four simple predictors, fitted only on the training split. */
import { type Battle, clusterByPrompt, labelOf, lengthOf, type PromptKey, promptText } from '../battle.js';
import { randomBelow, seededRandom } from '../bootstrap/random.js';
import { fitLogistic } from '../metrics/logistic.js';
import { sigmoid } from '../special.js';
import { STYLE_FEATURES } from '../style/features.js';
import { fitStyle, styleLogOdds } from '../style/terms.js';
import { fitTfIdf, tfIdfDifferences, tfIdfScores } from './tf-idf.js';

/** P(A) of one predictor for each battle. */
export interface Predictor {
  name: string;
  description: string;
  /** Source of its numbers: 'training split (n battles)', or why there is no fit. */
  fittedOn: string;
  probabilities: Float64Array;
  /** false: the numbers only name the picked answer, so log loss, Brier and ECE have no meaning. */
  calibrated: boolean;
  coefficients?: Record<string, number>;
}

/** The text baseline is fitted on at most this many battles, drawn by seed. */
const TEXT_BATTLES = 20_000;

/**
 * Predicts `battles` by each baseline. Without training battles it gives only always-longer and majority, with unfitted
 * probabilities. Ignores training battles without a winner; ties count as half a win each.
 */
export function baselinePredictors(
  battles: readonly Battle[],
  train: readonly Battle[],
  seed = 0,
  promptKey: PromptKey = promptText,
): Predictor[] {
  const labelled = train.filter(({ winner }) => winner !== null);
  const labels = Float64Array.from(labelled, ({ winner }) => labelOf(winner!));
  const fitted = labelled.length
    ? [style(battles, labelled, labels, promptKey), tfIdf(battles, labelled, labels, seed)]
    : [];
  return [alwaysLonger(battles, labelled, labels), majority(battles, labels), ...fitted];
}

/** Which answer has more characters: 1 for A, -1 for B, 0 for neither [battles]. */
export function longerSide(battles: readonly Battle[]): Int8Array {
  return Int8Array.from(battles, ({ responseA, responseB }) => Math.sign(lengthOf(responseA) - lengthOf(responseB)));
}

function alwaysLonger(battles: readonly Battle[], train: readonly Battle[], labels: Float64Array): Predictor {
  let n = 0;
  let wins = 0;
  for (const [i, side] of longerSide(train).entries()) {
    if (side === 0) continue;
    n++;
    wins += side > 0 ? labels[i] : 1 - labels[i];
  }
  const share = Math.max(0.501, (wins + 1) / (n + 2));
  const confidence = n ? share : 0.75;
  return {
    name: 'always-longer',
    description: 'picks the answer with more characters; equal lengths give one half',
    fittedOn: n ? `its confidence on the training split (${n} battles)` : 'nothing (no training split)',
    probabilities: Float64Array.from(longerSide(battles), (side) => 0.5 + side * (confidence - 0.5)),
    calibrated: n > 0,
  };
}

function majority(battles: readonly Battle[], labels: Float64Array): Predictor {
  const share = labels.length ? labels.reduce((a, b) => a + b, 0) / labels.length : 0.5;
  return {
    name: 'majority',
    description: labels.length ? 'says the training split’s share of A to every battle' : 'says A to every battle',
    fittedOn: labels.length ? `the training split (${labels.length} battles)` : 'nothing (no training split)',
    probabilities: new Float64Array(battles.length).fill(share),
    calibrated: labels.length > 0,
  };
}

function style(battles: readonly Battle[], train: readonly Battle[], labels: Float64Array, key: PromptKey): Predictor {
  const { terms } = fitStyle(train, labels, clusterByPrompt(train, key));
  return {
    name: 'style',
    description: `logistic regression on differences of log counts: ${STYLE_FEATURES.join(', ')}`,
    fittedOn: `the training split (${train.length} battles)`,
    probabilities: styleLogOdds(terms, battles).map(sigmoid),
    calibrated: true,
    coefficients: Object.fromEntries(Object.entries(terms).map(([name, { coefficient }]) => [name, coefficient])),
  };
}

function tfIdf(battles: readonly Battle[], train: readonly Battle[], labels: Float64Array, seed: number): Predictor {
  const chosen = sample(train.length, TEXT_BATTLES, seed);
  const some = chosen.map((i) => train[i]);
  const model = fitTfIdf(some);
  const fit = fitLogistic(
    tfIdfDifferences(model, some),
    chosen.map((i) => labels[i]),
    { tolerance: 1e-4 },
  );
  return {
    name: 'tf-idf',
    description: `logistic regression on the difference of the answers’ TF-IDF vectors (${model.idf.length} words)`,
    fittedOn: `the training split (${some.length} battles)`,
    probabilities: tfIdfScores(model, fit.coefficients, battles).map((score) => sigmoid(score + fit.intercept)),
    calibrated: true,
  };
}

/** Numbers below `n`, all of them or `most` drawn without replacement, ascending. */
function sample(n: number, most: number, seed: number): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  if (n <= most) return all;
  const random = seededRandom(seed, 1);
  for (let i = 0; i < most; i++) {
    const j = i + randomBelow(random, n - i);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all.slice(0, most).sort((a, b) => a - b);
}
