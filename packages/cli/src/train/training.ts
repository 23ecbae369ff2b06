/** @file The main job: from votes to an adapter folder, with log, report and settings. */
import { freemem } from 'node:os';
import type { Battle, Packed, PackOptions } from '@arena/data';
import { applySplits, type SplitsFile, splitsToFile } from '@arena/data/split';
import { replaceFile } from '@arena/files/write';
import { evaluateJudge, type TrainingSettings, trainJudge } from '@arena/judge';
import { type Base, judgeReadme, labelNames } from '@arena/judge/card';
import { keepEvaluation, latestCheckpoint, newAdapter, type Objective, objectiveOf } from '@arena/judge/run';
import { checkLabels } from '@arena/judge/settings';
import { describeDrops, splitVotes, type TrainingVotes, type VoteParts } from '@arena/judge/votes';
import type { Communicator } from '@arena/trainer';
import { folderStore } from '../folder-store.js';
import { openNamedBase } from '../hub/base.js';
import { readJson } from '../json-file.js';
import { type Dataset, loadDataset } from '../prepare/dataset.js';
import { cachedTokens } from '../prepare/prepared.js';
import { tokenizerSource } from '../prepare/tokenizer-source.js';
import { progress } from '../progress.js';
import { showRun } from './show-run.js';

export interface TrainingJob {
  settings: TrainingSettings;
  /** The engine in words, for run.json. */
  computedOn: string;
  /** Bytes that a step may take. Default: 80 % of the free memory. */
  memoryBytes?: number;
  /** Whether the engine can keep activations in bfloat16. */
  halves?: boolean;
  out: string;
  resume: boolean;
  /** Steps between two checkpoints. An interrupted run saves one more. Default: none. */
  saveEvery?: number;
  /** Checkpoints to keep (default: all). */
  keep?: number;
  /** Write TensorBoard event files too. */
  tensorboard?: boolean;
  /** Print a profile of the steps at the end. */
  profile?: boolean;
  title: string;
  /** The processes of a data-parallel run. The first one writes everything; the others only train. */
  ranks?: Communicator;
  /** Prints a line about the run. */
  say: (line: string) => void;
  signal?: AbortSignal;
}

/** Runs the job on the current engine. @returns the table of results (on the first of several ranks). */
export async function runTraining(job: TrainingJob): Promise<{ table: string; seconds: number }> {
  const { settings, out, title, say, ranks, saveEvery, keep, halves, signal } = job;
  const start = Date.now();
  const before = job.resume ? await settingsBefore(out) : {};
  const base = await openNamedBase(settings.base, before.hubBase);
  newAdapter(base, settings); // checks the base before it reads the votes
  const objective = objectiveOf(settings);
  const dataset = await loadDataset(settings.data, {
    ties: objective.knowsTies || settings.ties === 'half',
    softLabels: settings.softLabels > 0,
    clean: settings.clean,
    columns: settings.columns,
    winnerValues: settings.winnerValues,
    before: before.hubData,
    signal,
  });
  const drops = describeDrops(dataset);
  say(`${dataset.clean.read} battles read, ${dataset.battles.length} kept${drops ? `; left out: ${drops}` : ''}`);
  checkLabels(dataset.battles, settings, objective);
  const votes = await splitDataset(job, dataset);
  const packed = await preparedTokens(job, dataset, base, objective);
  const isFirst = !ranks?.rank;
  const store = folderStore(out);
  const shown = showRun(job, base);
  const computedOn = [...new Set([...(before.computedOn ?? []), job.computedOn])];
  const noted = { ...settings, ...hubNames(base, dataset), computedOn };
  const { judge, result, validation } = await trainJudge({ ...votes, packed }, noted, store, {
    base,
    resume: job.resume ? { checkpoint: isFirst ? await latestCheckpoint(store) : undefined } : undefined,
    memoryBytes: job.memoryBytes ?? (() => 0.8 * freemem()),
    halves,
    saveEvery,
    keep,
    ranks,
    onEvent: shown.tell,
    signal,
  }).finally(shown.close);
  try {
    if (!result) signal!.throwIfAborted();
    let table = '';
    if (isFirst) {
      say(`adapter written to ${out}/adapter (PEFT loads it)`);
      const bar = scoringBar(validation ? { ...votes.parts, validation: [] } : votes.parts);
      const onProgress = (done: number) => bar.update(done);
      const { seed } = settings;
      const evaluation = await evaluateJudge(judge, votes.parts, { title, seed, validation, onProgress, signal });
      bar.finish();
      await keepEvaluation(store, evaluation);
      const { card } = judge;
      const labels = labelNames(judge.objective);
      const readme = judgeReadme({ form: 'adapter', card, labels, settings: noted, report: evaluation.report });
      await replaceFile(`${out}/adapter/README.md`, readme);
      table = evaluation.table;
    }
    return { table, seconds: (Date.now() - start) / 1000 };
  } finally {
    await judge.dispose();
  }
}

/** The settings of the run in a folder. Other ranks may not see it. */
async function settingsBefore(out: string): Promise<Partial<TrainingSettings>> {
  return (await readJson(`${out}/run.json`).catch(() => ({}))) as Partial<TrainingSettings>;
}

/** What came from the hub, with its commits. */
function hubNames({ hub }: Base, { hubData }: Dataset): Pick<TrainingSettings, 'hubBase' | 'hubData'> {
  return {
    ...(hub?.commit ? { hubBase: `${hub.id}@${hub.commit}` } : {}),
    ...(hubData.length ? { hubData } : {}),
  };
}

/** The progress of scoring validation and test in both orders. */
export function scoringBar({ validation, test }: Pick<TrainingVotes['parts'], 'validation' | 'test'>) {
  return progress({ label: 'scoring', total: 2 * (validation.length + test.length), unit: 'texts' });
}

/** The parts that a file says. @throws Error naming it. */
async function partsOf(path: string, battles: Battle[]): Promise<VoteParts> {
  const advice = 'start the run anew in another --out';
  const stored = await readJson(path, { advice });
  try {
    return applySplits(battles, stored as SplitsFile);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}; give --data as it was, or ${advice}`);
  }
}

/** The parts, and the file for them when they are new. */
async function splitDataset(
  { settings, out, resume, ranks, say }: TrainingJob,
  { battles, prepared }: Dataset,
): Promise<TrainingVotes> {
  // other ranks may not see the folder: the same data and seed give the same parts
  if (resume && !ranks?.rank) return { parts: await partsOf(`${out}/splits.json`, battles) };
  if (prepared) {
    const { train, validation, test } = prepared.parts;
    say(`split as prepared: ${train.length} train, ${validation.length} validation, ${test.length} test`);
    return { parts: prepared.parts, splits: prepared.file };
  }
  const splits = splitVotes(battles, settings);
  const { rows, leaks, groups } = splits.report;
  say(`split by prompt (${groups} groups): ${rows.train} train, ${rows.validation} validation, ${rows.test} test`);
  const near = leaks.nearDuplicates ? `, ${leaks.nearDuplicates} prompts that nearly repeat one of another part` : '';
  say(`leaks between the parts: ${leaks.exactPrompts + leaks.normalizedPrompts} prompts${near}`);
  return { parts: splits, splits: splitsToFile(splits) };
}

/** The training part's tokens from a prepared folder, if this tokenizer and packing made them. */
async function preparedTokens(
  { settings, say }: TrainingJob,
  { prepared }: Dataset,
  { location }: Base,
  { ordered, pack }: Objective,
): Promise<Packed[] | undefined> {
  if (!prepared || settings.swapAugment || !ordered) return undefined; // only pairs in one sequence are prepared
  const { bytes: tokenizer } = await tokenizerSource(location as string);
  const cached = await cachedTokens(prepared, 'train', tokenizer, pack as PackOptions);
  say(cached ? 'tokens as prepared' : 'the prepared tokens are of another tokenizer or packing: packing again');
  return cached;
}
