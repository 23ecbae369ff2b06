/**
 * @file Compares two or more sets of predictions for the same battles: scores with intervals, paired tests for each
 * pair.
 */

import {
  type Battle,
  clusterByPrompt,
  joinPredictions,
  type Prediction,
  type PromptKey,
  promptText,
} from '../battle.js';
import { type Clustering, resample } from '../bootstrap/draws.js';
import { ScoreSums } from '../bootstrap/score-sums.js';
import { EvaluationInputError } from '../error.js';
import { type CascadePoint, cascadeCurve } from '../metrics/cascade.js';
import { type Page, pageHtml, pageMarkdown, type Table, tableMarkdown } from '../page/page.js';
import { type RangeRow, rangesSvg, shareAxis } from '../page/svg.js';
import { eceNote, numberFigure, percent, percentFigure, pointsFigure, pValue, tiesNote } from '../text.js';
import type { Predictor } from './baselines.js';
import type { Comparison, PredictorScores } from './report.js';
import { comparePair, scoresOf } from './scores.js';

/** The predictions of one run. */
export interface ComparedRun {
  name: string;
  predictions: readonly Prediction[];
}

/** Options of a comparison. Default seed 0, 2,000 bootstrap rounds, ties dropped, title `Comparison`. */
export interface CompareOptions {
  seed?: number;
  bootstrapRounds?: number;
  /** 'drop' leaves ties out, 'half' counts them as half a win for each side. */
  ties?: 'drop' | 'half';
  title?: string;
  /**
   * Which battles share a prompt: intervals are over prompts. Default: the verbatim prompt. For splits of
   * `@arena/data`, give its `promptKey`.
   */
  promptKey?: PromptKey;
  /** false: the prompts are unknown, and the battles' prompts are placeholders. Default true. */
  promptsKnown?: boolean;
  /** Of two runs: what the first gives with the second asked where the first is least certain. Default false. */
  cascade?: boolean;
}

/** What {@link compareRuns} gives, as plain JSON. `data` is as in `Report`; `n` counts the battles scored. */
export interface RunComparison {
  format: 'arena-eval-comparison';
  version: 1;
  title: string;
  settings: { seed: number; bootstrapRounds: number; ties: 'drop' | 'half'; confidence: number; bins: number };
  /** `prompts` is null where they are unknown. */
  data: { battles: number; n: number; prompts: number | null; ties: number; unlabelled: number };
  notes: string[];
  runs: Omit<PredictorScores, 'description' | 'fittedOn' | 'coefficients'>[];
  /** Each pair once, the earlier run first. */
  pairs: Comparison[];
  /** With the option `cascade`. */
  cascade?: CascadePoint[];
}

const BINS = 15;
/** Note where clusters are battles. */
const UNKNOWN_PROMPTS =
  'The prompts are not known: intervals take battles as independent, and are too narrow where prompts repeat.';
/** Most runs: with more, the table is unreadable, and one of the many pairs always looks good. */
const MOST_RUNS = 20;

/**
 * Compares runs on the same battles, each against each, over the same bootstrap draws of prompts.
 * @throws EvaluationInputError for fewer than two runs or more than 20, two of one name, and for predictions that are
 * not of exactly these battles, naming run and row.
 * @example
 * const comparison = compareRuns([{ name: 'one', predictions }, { name: 'two', predictions: others }], battles);
 */
export function compareRuns(
  runs: readonly ComparedRun[],
  battles: readonly Battle[],
  options: CompareOptions = {},
): RunComparison {
  const {
    seed = 0,
    bootstrapRounds: rounds = 2000,
    ties = 'drop',
    title = 'Comparison',
    promptsKnown = true,
    promptKey = promptText,
    cascade = false,
  } = options;
  if (runs.length < 2 || runs.length > MOST_RUNS) {
    throw new EvaluationInputError('argument', `${runs.length} runs are given; 2 to ${MOST_RUNS} can be compared`);
  }
  if (cascade && runs.length > 2)
    throw new EvaluationInputError(
      'argument',
      `${runs.length} runs are given; a cascade is of two, the fast one first`,
    );
  const names = runs.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new EvaluationInputError('argument', `two runs have the name ${JSON.stringify(twice)}`);
  const joined = runs.map(({ name, predictions }) => joinPredictions(predictions, battles, ties, name));
  const { labels, battles: counted, ties: tied, unlabelled } = joined[0];
  const clustering: Clustering = { ...clusterByPrompt(counted, promptKey), rounds };
  const predictors = joined.map(
    ({ predictions }, k): Predictor => ({
      name: names[k],
      description: '',
      fittedOn: '',
      probabilities: Float64Array.from(predictions, ({ probabilityA }) => probabilityA),
      calibrated: true,
    }),
  );
  const sums = predictors.map(({ probabilities }) => new ScoreSums(probabilities, labels, clustering, BINS));
  resample(clustering.clusters, rounds, seed, sums);
  const table = predictors.map((predictor, k) => scoresOf(predictor, sums[k], labels, clustering, BINS));
  const sides = predictors.map(({ probabilities }, k) => ({ scores: table[k], sums: sums[k], probabilities }));
  const pairs = sides.flatMap((first, i) => sides.slice(i + 1).map((second) => comparePair(first, second, labels)));
  const prompts = promptsKnown ? clustering.clusters : null;
  const data = { battles: battles.length, n: labels.length, prompts, ties: tied, unlabelled };
  return {
    format: 'arena-eval-comparison',
    version: 1,
    title,
    settings: { seed, bootstrapRounds: rounds, ties, confidence: 0.95, bins: BINS },
    data,
    notes: notesOf(data, pairs.length, ties),
    runs: table.map(({ name, accuracy, logLoss, brier, auc, ece }) => ({ name, accuracy, logLoss, brier, auc, ece })),
    pairs,
    ...(cascade ? { cascade: cascadeCurve(predictors[0].probabilities, predictors[1].probabilities, labels) } : {}),
  };
}

function notesOf(
  { battles, n, prompts, ties: tied, unlabelled }: RunComparison['data'],
  pairs: number,
  ties: 'drop' | 'half',
): string[] {
  const notes: string[] = [];
  if (n === 0) notes.push(`None of the ${battles} battles has a vote that counts: no figure has a value.`);
  if (tied) notes.push(tiesNote(tied, ties));
  if (unlabelled) notes.push(`${unlabelled} battles without a vote were left out.`);
  if (prompts === null) notes.push(UNKNOWN_PROMPTS);
  else if (n > 0 && prompts < 20) notes.push(`Only ${prompts} different prompts: intervals are rough.`);
  if (pairs > 1) {
    notes.push(
      `${pairs} pairs are compared: at 5 % each, one in twenty differs by chance alone. A p below ${(0.05 / pairs).toPrecision(2)} ` +
        'holds over all of them (Bonferroni).',
    );
  }
  return notes;
}

/** @returns HTML: one page that loads nothing. Markdown: the tables. JSON: the comparison. */
export function renderComparison(comparison: RunComparison, format: 'html' | 'markdown' | 'json'): string {
  if (format === 'json') return `${JSON.stringify(comparison, null, 2)}\n`;
  if (format === 'html') return pageHtml(pageOf(comparison));
  if (format === 'markdown') return pageMarkdown(pageOf(comparison));
  throw new EvaluationInputError(
    'argument',
    `format is ${JSON.stringify(format)}; expected 'html', 'markdown' or 'json'`,
  );
}

/** The two tables and the notes as markdown, for a terminal. */
export function comparisonSummary(comparison: RunComparison): string {
  const tables = [runTable(comparison), pairTable(comparison), ...cascadeTables(comparison)].map(tableMarkdown);
  return [leadOf(comparison), ...tables, ...comparison.notes.map((note) => `- ${note}`)].join('\n\n');
}

function pageOf(comparison: RunComparison): Page {
  const { title, data, settings, notes, runs, pairs } = comparison;
  const accuracy: RangeRow[] = runs.map(({ name, accuracy: figure }) => ({ ...figure, name, marked: false }));
  const lowest = Math.min(0.5, ...runs.map(({ accuracy: { low, value } }) => low ?? value ?? 0.5));
  return {
    title,
    lead: leadOf(comparison),
    blocks: [
      {
        title: 'Scores',
        paragraphs: [
          `${data.n} battles${data.prompts === null ? '' : ` over ${data.prompts} different prompts`}. 95 % intervals in brackets.`,
          ...notes,
        ],
        tables: [runTable(comparison)],
        charts: [rangesSvg('Accuracy of each run', accuracy, shareAxis('accuracy', Math.floor(lowest * 10) / 10), 0.5)],
      },
      {
        title: pairs.length > 1 ? 'Each pair' : 'The pair',
        paragraphs: [
          'Differences are of the first less the second, on the same bootstrap draws of prompts: an interval that holds 0 is no ' +
            'clear difference. McNemar’s exact test looks only at the battles where one is right and the other is wrong, and ' +
            'takes battles as independent.',
        ],
        tables: [pairTable(comparison)],
        charts: [],
      },
      ...cascadeTables(comparison).map((table) => ({
        title: 'In turn',
        paragraphs: [
          `${runs[0].name} is asked about all battles, ${runs[1].name} about those where P(A) of the first is within a distance of 1/2. ` +
            'The threshold is read off these very battles: on others it does a little worse.',
        ],
        tables: [table],
        charts: [],
      })),
      {
        title: 'How this was made',
        paragraphs: [
          `Intervals: ${settings.bootstrapRounds} bootstrap rounds over prompts (all battles of a drawn prompt come with it), ` +
            `2.5 and 97.5 percentiles, seed ${settings.seed}. Accuracy: A is picked when P(A) >= 1/2. Log loss: natural, ` +
            `probabilities clipped to 1e-15. ${eceNote(settings.bins)}`,
        ],
        tables: [],
        charts: [],
      },
    ],
  };
}

/** The best run by accuracy, and whether the interval of its lead over the next contains 0. */
function leadOf({ runs, pairs, data }: RunComparison): string {
  const ranked = runs.filter(({ accuracy }) => accuracy.value !== null);
  if (!ranked.length) return 'There was nothing to compare.';
  const [first, second] = ranked.toSorted((a, b) => b.accuracy.value! - a.accuracy.value!);
  const share = `on ${percent(first.accuracy.value)} of ${data.n} battles`;
  if (first.accuracy.value === second.accuracy.value)
    return `${first.name} and ${second.name} are right equally often, ${share}${ranked.length > 2 ? ', and more often than the others' : ''}.`;
  const pair = pairs.find((one) =>
    [one.first, one.second].every((name) => name === first.name || name === second.name),
  )!;
  const { low, high } = pair.accuracyDifference;
  const clear = low !== null && (low > 0 || high! < 0);
  return (
    `${first.name} is right most often, ${share}; ${second.name} follows with ` +
    `${percent(second.accuracy.value)}: ${clear ? 'a clear difference' : 'no clear difference'}.`
  );
}

function runTable({ runs }: RunComparison): Table {
  return {
    caption: 'Runs on the same battles',
    columns: ['Run', 'n', 'Accuracy', 'Log loss', 'Brier score', 'ROC AUC', 'ECE'],
    rows: runs.map(({ name, accuracy, logLoss, brier, auc, ece }) => [
      name,
      String(accuracy.n),
      percentFigure(accuracy),
      ...[logLoss, brier, auc, ece].map((figure) => numberFigure(figure)),
    ]),
  };
}

function pairTable({ pairs }: RunComparison): Table {
  return {
    caption: 'First less second',
    columns: ['First', 'Second', 'Accuracy, points', 'Log loss', 'Only first right', 'Only second right', 'McNemar p'],
    rows: pairs.map(({ first, second, accuracyDifference, logLossDifference, mcnemar }) => [
      first,
      second,
      pointsFigure(accuracyDifference),
      numberFigure(logLossDifference),
      String(mcnemar.b),
      String(mcnemar.c),
      pValue(mcnemar.exactP),
    ]),
  };
}

function cascadeTables({ cascade, runs }: RunComparison): Table[] {
  if (!cascade?.length) return [];
  const [{ name: first }, { name: second }] = runs;
  return [
    {
      caption: `${first}, and ${second} where ${first} is not certain`,
      columns: [`${second} asked`, 'where |P(A) - 1/2| is at most', 'Accuracy', 'Log loss'],
      rows: cascade.map(({ share, within, accuracy, logLoss }) => [
        percent(share),
        within === null ? 'never' : within.toFixed(3),
        percent(accuracy),
        logLoss.toFixed(4),
      ]),
    },
  ];
}
