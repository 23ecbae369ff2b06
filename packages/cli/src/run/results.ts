/** @file The files that an evaluation leaves: predictions.jsonl, metrics.json, report.html and .md, and validation.json where there is such a part. */
import { writeFile } from 'node:fs/promises';
import { type Battle, promptKey } from '@arena/data';
import {
  evaluate,
  macroF1,
  multiclassAccuracy,
  multiclassLogLoss,
  type Prediction,
  type Report,
  renderReport,
  summaryTable,
} from '@arena/eval';
import { replaceFile } from '@arena/files';
import type { Scored } from './scoring.js';

export interface EvaluationInput {
  predictions: Scored[];
  battles: Battle[];
  train?: Battle[];
  validation?: { predictions: Prediction[]; battles: Battle[] };
  title: string;
  seed: number;
}

/** Evaluates, writes the files and gives the table for the terminal. */
export async function writeResults(out: string, input: EvaluationInput): Promise<{ report: Report; table: string }> {
  const { predictions, battles, train, validation, title, seed } = input;
  const report = evaluate(predictions, battles, { train, validation, seed, title, promptKey });
  const lines = predictions.map((prediction, i) => JSON.stringify({ ...prediction, winner: battles[i].winner }));
  await writeFile(`${out}/predictions.jsonl`, `${lines.join('\n')}\n`);
  await writeFile(`${out}/report.html`, renderReport(report, 'html', { battles }));
  await writeFile(`${out}/report.md`, renderReport(report, 'markdown'));
  if (validation) {
    const held = evaluate(validation.predictions, validation.battles, {
      seed,
      title: `${title}: validation`,
      promptKey,
    });
    await writeFile(`${out}/validation.json`, renderReport(held, 'json'));
  }
  const classes = threeClasses(predictions, battles);
  if (classes) await writeFile(`${out}/three-classes.json`, `${JSON.stringify(classes, null, 2)}\n`);
  // last, and whole: who finds it finds the others too
  await replaceFile(`${out}/metrics.json`, renderReport(report, 'json'));
  const table = summaryTable(report);
  return { report, table: classes ? `${table}\n${threeClassesLine(classes)}` : table };
}

/** Figures of a head that knows ties, over all battles with a vote; the report is about those that were decided. */
interface ThreeClasses {
  battles: number;
  ties: number;
  accuracy: number;
  logLoss: number;
  macroF1: number;
  /** Accuracy of always saying the commonest class. */
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
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return (
    `A, B or tie (${battles} battles, ${ties} ties): accuracy ${percent(accuracy)} (always the commonest: ` +
    `${percent(majority)}), log loss ${logLoss.toFixed(3)}, macro F1 ${macroF1.toFixed(3)}`
  );
}
