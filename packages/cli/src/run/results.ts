/** @file The files that an evaluation leaves: predictions.jsonl, metrics.json, report.html and report.md. */
import { writeFile } from 'node:fs/promises';
import type { Battle } from '@arena/data';
import { evaluate, type Prediction, type Report, renderReport, summaryTable } from '@arena/eval';

export interface EvaluationInput {
  predictions: Prediction[];
  battles: Battle[];
  train?: Battle[];
  validation?: { predictions: Prediction[]; battles: Battle[] };
  title: string;
  seed: number;
}

/** Evaluates, writes the files and gives the table for the terminal. */
export async function writeResults(out: string, input: EvaluationInput): Promise<{ report: Report; table: string }> {
  const { predictions, battles, train, validation, title, seed } = input;
  const report = evaluate(predictions, battles, { train, validation, seed, title });
  const lines = predictions.map((prediction, i) => JSON.stringify({ ...prediction, winner: battles[i].winner }));
  await writeFile(`${out}/predictions.jsonl`, `${lines.join('\n')}\n`);
  await writeFile(`${out}/metrics.json`, renderReport(report, 'json'));
  await writeFile(`${out}/report.html`, renderReport(report, 'html', { battles }));
  await writeFile(`${out}/report.md`, renderReport(report, 'markdown'));
  return { report, table: summaryTable(report) };
}
