/** @file Evaluates predictions of pairwise preferences beside baselines, with intervals that respect shared prompts. */

import {
  type Battle,
  checkBattles,
  clusterByPrompt,
  type Joined,
  joinPredictions,
  type Prediction,
  type PromptKey,
  promptText,
} from '../battle.js';
import { bootstrapFigure, shareFigure } from '../bootstrap/bootstrap.js';
import { ColumnMeans } from '../bootstrap/column-means.js';
import { type Clustering, resample } from '../bootstrap/draws.js';
import { EvaluationInputError } from '../error.js';
import { ascending, brier, credits, logLoss, logLosses } from '../metrics/binary.js';
import { applyTemperature, calibrationError, fitTemperature, reliability, topLabel } from '../metrics/calibration.js';
import { riskCoverage } from '../metrics/risk-coverage.js';
import { swapAgreement } from '../metrics/swap.js';
import { tiesNote } from '../text.js';
import { baselinePredictors, type Predictor } from './baselines.js';
import { leaderboardSection } from './leaderboard.js';
import { lengthSection } from './length.js';
import type {
  CalibrationSection,
  Comparison,
  Example,
  PredictorScores,
  Report,
  Section,
  SwapSection,
} from './report.js';
import { scoreSection } from './scores.js';
import { sliceSection } from './slices.js';
import { styleSection } from './style.js';
import type { Variant } from './variant.js';

/**
 * Baselines and options of an evaluation. Default seed 0, 2,000 bootstrap rounds (1 to 100,000), ties dropped, title
 * `Evaluation`.
 */
export interface EvaluateOptions {
  /** Battles to fit baselines on. Without them there are only always-longer and majority, unfitted. */
  train?: readonly Battle[];
  /** Battles to fit the temperature on. Without them there is none. */
  validation?: { predictions: readonly Prediction[]; battles: readonly Battle[] };
  seed?: number;
  bootstrapRounds?: number;
  /** 'drop' leaves ties out, 'half' counts them as half a win for each side. */
  ties?: 'drop' | 'half';
  title?: string;
  /** Other predictions of the same battles: a row of the scores each, beside the baselines. */
  variants?: readonly Variant[];
  /**
   * Which battles share a prompt: intervals are over prompts, and the report counts prompts seen in training. Default:
   * the verbatim prompt. For splits of `@arena/data`, give its `promptKey`: the report then counts leaks the same way.
   */
  promptKey?: PromptKey;
}

/** Bins of the calibration error. */
const BINS = 15;
/** Battles shown of each kind. */
const EXAMPLES = 20;

/**
 * Evaluates predictions of the battles of the same ids. Equal input and seed give an equal report.
 * @throws EvaluationInputError for inconsistent input, naming the row. No battles, or only one class, are no error:
 * undefined figures are null, and a note says why.
 * @example
 * const report = evaluate([{ id: '1', probabilityA: 0.8 }], battles, { train, seed: 1 });
 * console.log(report.verdict);
 */
export function evaluate(
  predictions: readonly Prediction[],
  battles: readonly Battle[],
  options: EvaluateOptions = {},
): Report {
  const {
    train,
    validation,
    seed = 0,
    bootstrapRounds: rounds = 2000,
    ties = 'drop',
    title = 'Evaluation',
    variants = [],
    promptKey = promptText,
  } = options;
  if (!Number.isSafeInteger(seed))
    throw new EvaluationInputError('argument', `seed is ${seed}; expected a whole number`);
  if (!Number.isSafeInteger(rounds) || rounds < 1 || rounds > 100_000) {
    throw new EvaluationInputError(
      'argument',
      `bootstrapRounds is ${rounds}; expected a whole number from 1 to 100,000`,
    );
  }
  if (train) checkBattles(train, 'training ');
  const joined = joinPredictions(predictions, battles, ties);
  const held = validation && joinPredictions(validation.predictions, validation.battles, ties, 'validation');
  const { labels } = joined;
  const drawn: Clustering = { ...clusterByPrompt(joined.battles, promptKey), rounds };
  const { clusters } = drawn;
  const p = Float64Array.from(joined.predictions, ({ probabilityA }) => probabilityA);
  const swapped = swappedOf(joined);
  const baselines = baselinePredictors(joined.battles, train ?? [], seed, promptKey);
  const others = variants.map((variant) => variantPredictor(variant, battles, ties));
  const predictors = [...modelPredictors(p, swapped), ...others, ...baselines];

  const scores = scoreSection(predictors, labels, drawn, BINS);
  const swap = swapSection(p, swapped, labels, drawn);
  const length = lengthSection(joined.battles, labels, p, drawn);
  const style = styleSection(partsOf(predictors, others), joined.battles, labels, drawn);
  const slices = sliceSection(joined.battles, labels, p, drawn, promptKey, train);
  const leaderboard = leaderboardSection(joined.battles, labels, p, drawn);
  const statistics = [scores, swap, length, style, slices, leaderboard].flatMap((section) => section.statistics);
  resample(clusters, rounds, seed, statistics);

  const { predictors: table, comparisons } = scores.finish();
  const data = dataOf(battles.length, joined, clusters, promptKey, train, held);
  return {
    format: 'arena-eval-report',
    version: 1,
    title,
    verdict: verdict(table, comparisons, baselines),
    settings: { seed, bootstrapRounds: rounds, ties, confidence: 0.95, bins: BINS },
    data,
    notes: notesOf(data, ties, clusters),
    predictors: table,
    comparisons,
    swap: swap.finish(),
    length: length.finish(),
    ...(others.length ? { style: style.finish() } : {}),
    calibration: calibrationSection(p, labels, held),
    riskCoverage: riskCoverage(p, labels),
    slices: slices.finish(),
    leaderboard: leaderboard.finish(),
    examples: examplesOf(joined, p),
  };
}

/** P(A) shown as B, A [n]. Null when the predictions have one order. */
function swappedOf({ predictions }: Joined): Float64Array | null {
  if (typeof predictions[0]?.probabilityASwapped !== 'number') return null;
  return Float64Array.from(predictions, ({ probabilityASwapped }) => probabilityASwapped!);
}

function modelPredictors(p: Float64Array, swapped: Float64Array | null): Predictor[] {
  const model: Predictor = {
    name: 'model',
    description: 'the predictions under test',
    fittedOn: 'not known here',
    probabilities: p,
    calibrated: true,
  };
  if (!swapped) return [model];
  const averaged = p.map((value, i) => (value + swapped[i]) / 2);
  const description = 'the predictions under test, mean of both orders of the answers';
  return [model, { ...model, name: 'model, both orders', description, probabilities: averaged }];
}

/** @throws EvaluationInputError when its predictions are not of the battles. */
function variantPredictor(
  { name, description, fittedOn, predictions }: Variant,
  battles: readonly Battle[],
  ties: 'drop' | 'half',
): Predictor {
  const joined = joinPredictions(predictions, battles, ties, name);
  const probabilities = Float64Array.from(joined.predictions, ({ probabilityA }) => probabilityA);
  return { name, description, fittedOn, probabilities, calibrated: true };
}

/** What the section on style shows: the variants, the style alone, the model. */
function partsOf(predictors: readonly Predictor[], variants: readonly Predictor[]): Predictor[] {
  if (!variants.length) return [];
  const style = predictors.filter((one) => one.name === 'style' && !variants.includes(one));
  return [...variants, ...style, predictors[0]];
}

function swapSection(
  p: Float64Array,
  swapped: Float64Array | null,
  labels: Float64Array,
  drawn: Clustering,
): Section<SwapSection | null> {
  if (!swapped) return { statistics: [], finish: () => null };
  const n = p.length;
  const { consistency, firstPositionRate, meanGap, averaged } = swapAgreement(
    p,
    swapped.map((value) => 1 - value),
  );
  const columns = [
    p.map((value, i) => (value >= 0.5 === swapped[i] >= 0.5 ? 1 : 0)),
    p.map((value, i) => ((value >= 0.5 ? 1 : 0) + (1 - swapped[i] >= 0.5 ? 1 : 0)) / 2),
    p.map((value, i) => Math.abs(value - swapped[i])),
    credits(swapped, labels),
    credits(averaged, labels),
  ];
  const means = new ColumnMeans(columns, drawn);
  const meanOf = (k: number) => columns[k].reduce((a, b) => a + b, 0) / n;
  const share = (value: number | null, k: number) => shareFigure(value, means.column(k), n, drawn.clusters);
  return {
    statistics: [means],
    finish: () => ({
      n,
      consistency: share(consistency, 0),
      firstPositionRate: share(firstPositionRate, 1),
      meanGap: bootstrapFigure(meanGap, means.column(2), n),
      accuracySwapped: share(meanOf(3), 3),
      accuracyAveraged: share(meanOf(4), 4),
    }),
  };
}

function calibrationSection(p: Float64Array, labels: Float64Array, held: Joined | undefined): CalibrationSection {
  const top = topLabel(p, labels);
  const scoresOf = (q: Float64Array) => ({
    logLoss: logLoss(q, labels),
    brier: brier(q, labels),
    ece: calibrationError(q, labels, BINS),
  });
  const fit = held
    ? fitTemperature(
        held.predictions.map(({ probabilityA }) => probabilityA),
        held.labels,
      )
    : null;
  return {
    bins: BINS,
    reliability: reliability(p, labels, BINS),
    eceTopLabel: calibrationError(top.p, top.y, BINS),
    temperature: fit && { ...fit, validationN: held!.labels.length },
    before: scoresOf(p),
    after: fit && scoresOf(applyTemperature(p, fit.temperature)),
  };
}

function dataOf(
  battles: number,
  { labels, ties, unlabelled, battles: counted }: Joined,
  prompts: number,
  promptKey: PromptKey,
  train: readonly Battle[] | undefined,
  held: Joined | undefined,
): Report['data'] {
  const seen = train && new Set(train.map(promptKey));
  return {
    battles,
    n: labels.length,
    prompts,
    ties,
    unlabelled,
    wonByA: labels.filter((label) => label === 1).length,
    wonByB: labels.filter((label) => label === 0).length,
    train: train?.length ?? null,
    validation: held?.labels.length ?? null,
    promptsSeenInTraining: seen ? counted.filter((battle) => seen.has(promptKey(battle))).length : null,
  };
}

function notesOf(data: Report['data'], ties: 'drop' | 'half', clusters: number): string[] {
  const { n, wonByA, wonByB } = data;
  const notes: string[] = [];
  if (n === 0) notes.push('No battle with a vote was left to count: no figure has a value.');
  if (data.ties) notes.push(tiesNote(data.ties, ties));
  if (data.unlabelled) notes.push(`${data.unlabelled} battles without a vote were left out.`);
  if (n > 0 && (wonByA === n || wonByB === n)) {
    notes.push(`All ${n} battles were won by ${wonByA ? 'A' : 'B'}: with one class only, ROC AUC is undefined.`);
  }
  if (n > 0 && clusters < 20) notes.push(`Only ${clusters} different prompts: intervals are rough.`);
  if (data.train === null) {
    notes.push('No training split was given: the style and TF-IDF baselines are missing, the others are not fitted.');
  }
  if (data.promptsSeenInTraining) {
    notes.push(`${data.promptsSeenInTraining} battles have a prompt that is also in the training split: a leak.`);
  }
  if (data.validation === null) notes.push('No validation split was given: no temperature was fitted.');
  return notes;
}

/**
 * The sentence at the top: the differences to always-longer and to the best baseline, and whether they are significant.
 */
function verdict(
  table: readonly PredictorScores[],
  comparisons: readonly Comparison[],
  baselines: readonly Predictor[],
): string {
  const model = table[0];
  if (model.accuracy.value === null) return 'There was nothing to evaluate.';
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const versus = ({ second, accuracyDifference: { value, low, high } }: Comparison) => {
    const other = table.find(({ name }) => name === second)!;
    const points = `${value! >= 0 ? '+' : ''}${(100 * value!).toFixed(1)} points`;
    const range = low === null ? '' : `, 95 % interval ${(100 * low).toFixed(1)} to ${(100 * high!).toFixed(1)}`;
    const clear =
      low === null || (low <= 0 && high! >= 0) ? 'no clear difference' : low > 0 ? 'clearly better' : 'clearly worse';
    return `${second} on ${percent(other.accuracy.value!)} (${points}${range}: ${clear})`;
  };
  const against = comparisons.filter(({ second }) => baselines.some(({ name }) => name === second));
  const longer = against.find(({ second }) => second === 'always-longer')!;
  const best = against.reduce((a, b) => (b.accuracyDifference.value! < a.accuracyDifference.value! ? b : a));
  const also = best === longer ? '' : `; the best baseline, ${versus(best)}`;
  return `The model is right on ${percent(model.accuracy.value)} of ${model.accuracy.n} battles; ${versus(longer)}${also}.`;
}

function examplesOf({ battles }: Joined, p: Float64Array): Report['examples'] {
  const labels = battles.map(({ winner }) => (winner === 'a' ? 1 : winner === 'b' ? 0 : 0.5));
  const losses = logLosses(p, labels);
  const pick = (badness: Float64Array): Example[] =>
    Array.from(ascending(badness.map((value) => -value)).slice(0, EXAMPLES), (i) => ({
      id: battles[i].id,
      probabilityA: p[i],
      winner: battles[i].winner!,
    }));
  return { worst: pick(losses), leastCertain: pick(p.map((value) => -Math.abs(value - 0.5))) };
}
