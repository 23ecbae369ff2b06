/** @file `arena report`: the report on the predictions of any judge. Needs no model. */
import type { Battle } from '@arena/data';
import type { PredictionColumns } from '@arena/eval';
import { evaluationOf, keepEvaluation } from '@arena/judge/run';
import { type Command, InvalidArgumentError } from 'commander';
import { folderStore } from '../folder-store.js';
import { onInterrupt } from '../interrupt.js';
import { withOutput } from '../output-folder.js';
import { loadDataset } from '../prepare/dataset.js';
import { preparedBattles } from '../prepare/prepared.js';
import { battlesOfFiles, readRun } from '../report/predicted-runs.js';

interface ReportFlags {
  data: string[];
  train?: string[];
  columns?: PredictionColumns;
  out: string;
}

export function define(command: Command): void {
  command
    .argument('<predictions>', 'jsonl or csv with id and probabilityA, or with the columns that --columns names')
    .requiredOption(
      '--data <file...>',
      'the votes, or a prepared folder, on whose training part the baselines are fitted',
    )
    .option('--train <file...>', 'further votes for the baselines to be fitted on')
    .option(
      '--columns <map>',
      'what the columns hold: id=ID,probabilityA=P[,probabilityASwapped=Q], id=ID,classes=A:B:TIE or id=ID,rewards=A:B',
      predictionColumns,
    )
    .requiredOption('--out <dir>', 'new or empty folder for the report')
    .action((path: string, flags: ReportFlags) => report(path, flags));
}

async function report(path: string, { data, train, columns, out }: ReportFlags): Promise<void> {
  const signal = onInterrupt();
  await withOutput(out, async () => {
    const run = await readRun(path, path, columns);
    const battles = await battlesOfFiles(data, [run], signal);
    const byId = new Map(run.predictions.map((prediction) => [prediction.id, prediction]));
    const evaluation = evaluationOf({
      predictions: battles.map(({ id }) => byId.get(id)!),
      battles,
      train: await fittingBattles({ data, train }, byId, signal),
      title: `${path} over ${data.join(', ')}`,
      seed: 0,
    });
    await keepEvaluation(folderStore(out), evaluation);
    console.log(`${evaluation.table}\n\n${out}/report.html has the rest.`);
  });
}

/**
 * Battles for the baselines: from further files, or the training part of a prepared folder. Excludes every predicted
 * battle.
 */
async function fittingBattles(
  { data, train }: Pick<ReportFlags, 'data' | 'train'>,
  predicted: ReadonlyMap<string, unknown>,
  signal: AbortSignal,
): Promise<Battle[] | undefined> {
  if (!train && !(await preparedBattles(data[0]))) return undefined;
  const { battles, prepared } = await loadDataset(train ?? data, { signal });
  const all = prepared ? prepared.parts.train : battles;
  const free = all.filter(({ id }) => !predicted.has(id));
  if (free.length < all.length) {
    console.log(`${all.length - free.length} battles to fit baselines on are predicted ones: left out`);
  }
  return free.length ? free : undefined;
}

/** "id=question,rewards=chosen:rejected" as columns. */
function predictionColumns(text: string): PredictionColumns {
  const columns: Record<string, string | string[]> = {};
  const parts = { id: 1, probabilityA: 1, probabilityASwapped: 1, classes: 3, rewards: 2 };
  for (const item of text.split(',')) {
    const [name, value = ''] = item.split(/=(.*)/s);
    const wanted = parts[name as keyof typeof parts];
    const names = wanted > 1 ? value.split(':') : [value];
    if (!wanted || names.length !== wanted || names.some((one) => !one)) {
      throw new InvalidArgumentError(
        `"${item}" is none of id=NAME, probabilityA=NAME, probabilityASwapped=NAME, classes=A:B:TIE, rewards=A:B.`,
      );
    }
    columns[name] = wanted > 1 ? names : value;
  }
  const kinds = ['probabilityA', 'classes', 'rewards'].filter((name) => name in columns);
  if (!('id' in columns) || kinds.length !== 1) {
    throw new InvalidArgumentError('id, and one of probabilityA, classes and rewards, are needed.');
  }
  return columns as unknown as PredictionColumns;
}
