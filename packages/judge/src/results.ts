/**
 * @file Files of an evaluation: predictions.jsonl, metrics.json, report.html and .md, and for a validation part
 * validation.json and validation-predictions.jsonl.
 */
import type { Battle } from '@arena/data';
import { promptKey } from '@arena/data/clean';
import { evaluate, type Prediction, type Report, renderReport } from '@arena/eval';
import { macroF1, multiclassAccuracy, multiclassLogLoss } from '@arena/eval/metrics';
import { percent } from '@arena/eval/page';
import { summaryTable, type Variant } from '@arena/eval/report';
import type { Scored } from './score.js';
import type { Store } from './store.js';

export type { Variant };

/** Predictions of any judge, and the votes. */
export interface EvaluationInput {
  predictions: Scored[];
  battles: Battle[];
  /** Votes to fit the baselines on. */
  train?: Battle[];
  /** Votes to fit the temperature on. */
  validation?: { predictions: Prediction[]; battles: Battle[] };
  /** Other predictions of the same battles, for rows of their own. */
  variants?: readonly Variant[];
  title: string;
  seed: number;
}

/** An evaluation: the report, a table for a terminal, and files by name. The last file marks the set as complete. */
export interface Evaluation {
  report: Report;
  table: string;
  files: Record<string, string>;
}

/** Evaluates predictions. @throws EvaluationInputError when they do not fit the battles. */
export function evaluationOf({
  predictions,
  battles,
  train,
  validation,
  variants,
  title,
  seed,
}: EvaluationInput): Evaluation {
  const report = evaluate(predictions, battles, { train, validation, variants, seed, title, promptKey });
  const files: Record<string, string> = {
    'predictions.jsonl': predictionLines(predictions, battles),
    'report.html': renderReport(report, 'html', { battles }),
    'report.md': renderReport(report, 'markdown'),
  };
  if (validation) {
    const held = evaluate(validation.predictions, validation.battles, {
      seed,
      title: `${title}: validation`,
      promptKey,
    });
    files['validation.json'] = renderReport(held, 'json');
    files['validation-predictions.jsonl'] = predictionLines(validation.predictions, validation.battles);
  }
  const classes = threeClasses(predictions, battles);
  if (classes) files['three-classes.json'] = `${JSON.stringify(classes, null, 2)}\n`;
  files['metrics.json'] = renderReport(report, 'json');
  const table = summaryTable(report);
  return { report, files, table: classes ? `${table}\n${threeClassesLine(classes)}` : table };
}

/** A line a prediction, with the vote. */
function predictionLines(predictions: readonly Prediction[], battles: readonly Battle[]): string {
  return predictions
    .map((prediction, i) => `${JSON.stringify({ ...prediction, winner: battles[i].winner })}\n`)
    .join('');
}

/** Stores the files of an evaluation, in order. */
export async function keepEvaluation(store: Store, { files }: Evaluation): Promise<void> {
  for (const [name, content] of Object.entries(files)) await store.write(name, content);
}

/** Figures of a head with ties, over all battles with a vote. The report covers the decided ones. */
interface ThreeClasses {
  battles: number;
  ties: number;
  accuracy: number;
  logLoss: number;
  macroF1: number;
  /** Accuracy of always predicting the most frequent class. */
  majority: number;
}

function threeClasses(predictions: Scored[], battles: Battle[]): ThreeClasses | undefined {
  const rows = predictions.flatMap(({ probabilities }, i) => {
    const { winner } = battles[i];
    return probabilities && winner ? [{ probabilities, label: ['a', 'b', 'tie'].indexOf(winner) }] : [];
  });
  if (!rows.length) return undefined;
  const said = rows.map(({ probabilities }) => probabilities);
  const labels = rows.map(({ label }) => label);
  const counts = [0, 1, 2].map((k) => labels.filter((label) => label === k).length);
  return {
    battles: rows.length,
    ties: counts[2],
    accuracy: multiclassAccuracy(said, labels)!,
    logLoss: multiclassLogLoss(said, labels)!,
    macroF1: macroF1(said, labels)!,
    majority: Math.max(...counts) / rows.length,
  };
}

function threeClassesLine({ battles, ties, accuracy, logLoss, macroF1, majority }: ThreeClasses): string {
  return (
    `A, B or tie (${battles} battles, ${ties} ties): accuracy ${percent(accuracy)} (always the commonest: ` +
    `${percent(majority)}), log loss ${logLoss.toFixed(3)}, macro F1 ${macroF1.toFixed(3)}`
  );
}
