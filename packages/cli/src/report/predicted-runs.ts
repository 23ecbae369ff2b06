/** @file Runs to compare: their predictions, the battles that they share, and the votes on them. */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Battle, readBattles } from '@arena/data';
import { readRecords } from '@arena/data/read';
import {
  type ComparedRun,
  type Battle as EvalBattle,
  type Prediction,
  type PredictionColumns,
  parsePredictions,
} from '@arena/eval';
import { openVotes } from '../hub/votes.js';
import { preparedBattles } from '../prepare/prepared.js';

/** A run as read from its file. */
export interface PredictedRun extends ComparedRun {
  path: string;
  predictions: Prediction[];
  /** Votes by id, where the file has a `winner` in each line. */
  winners: Map<string, EvalBattle['winner']> | undefined;
}

/**
 * Reads runs: folders with a predictions.jsonl, or files of predictions (JSON lines, CSV or Parquet with `id`
 * and `probabilityA`).
 * @throws Error naming the file, for one that cannot be read or has an id twice.
 */
export async function readRuns(paths: string[]): Promise<PredictedRun[]> {
  const short = paths.map((path) => basename(resolve(path)));
  const isShort = new Set(short).size === short.length;
  return Promise.all(paths.map((path, k) => readRun(path, isShort ? short[k] : path)));
}

/**
 * Reads one run, of the given columns.
 * @throws Error naming the file, as {@link readRuns} does.
 */
export async function readRun(path: string, name: string, columns?: PredictionColumns): Promise<PredictedRun> {
  const folder = (await stat(path).catch(() => undefined))?.isDirectory();
  const file = folder ? join(path, 'predictions.jsonl') : path;
  const { size } = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(
      `${file}: cannot be read (${error.code}); a folder with predictions.jsonl, or a predictions file, is expected`,
    );
  });
  if (size === 0) throw new Error(`${file}: there is no prediction in it`);
  const id = columns?.id ?? 'id';
  const records: { row: number; values: Record<string, unknown> | null }[] = [];
  for await (const { record, row, format } of readRecords(file, [id])) {
    records.push({ row: row + (format === 'csv' ? 2 : 1), values: record }); // the header is row 1
  }
  let predictions: Prediction[];
  try {
    predictions = parsePredictions(records, 'records', columns);
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  if (!predictions.length) throw new Error(`${file}: there is no prediction in it`);
  const seen = new Set<string>();
  for (const [i, { id }] of predictions.entries()) {
    if (seen.has(id))
      throw new Error(`${file}: prediction ${i + 1} has the id ${JSON.stringify(id)} of an earlier one`);
    seen.add(id);
  }
  return { name, path, predictions, winners: winnersOf(records, predictions) };
}

/** The votes beside predictions, in the same order. Undefined unless every record has one. */
function winnersOf(
  records: { values: Record<string, unknown> | null }[],
  predictions: readonly Prediction[],
): PredictedRun['winners'] {
  const winners = new Map<string, EvalBattle['winner']>();
  for (const [i, { values }] of records.entries()) {
    const winner = values?.winner;
    if (winner !== 'a' && winner !== 'b' && winner !== 'tie' && winner !== null) return undefined;
    winners.set(predictions[i].id, winner);
  }
  return winners;
}

/**
 * Restricts the runs to the battles that all of them predicted.
 * @param common false: runs with different battles are an error.
 * @throws Error when runs differ in their battles, or share none.
 */
export function sharedRuns(runs: PredictedRun[], common: boolean): PredictedRun[] {
  const [first, ...others] = runs;
  const sets = runs.map(({ predictions }) => new Set(predictions.map(({ id }) => id)));
  const shared = new Set(first.predictions.map(({ id }) => id).filter((id) => sets.every((ids) => ids.has(id))));
  if (!shared.size) {
    throw new Error(
      `${runs.map(({ path }) => path).join(', ')}: no battle is in all of them; are they of the same data?`,
    );
  }
  if (!common) {
    for (const other of others) {
      for (const [one, two] of [
        [first, other],
        [other, first],
      ]) {
        const ids = sets[runs.indexOf(two)];
        const only = one.predictions.filter(({ id }) => !ids.has(id));
        if (!only.length) continue;
        throw new Error(
          `${one.path}: ${only.length} of its ${one.predictions.length} battles (the first ${JSON.stringify(only[0].id)}) are not in ` +
            `${two.path}; --common compares the ${shared.size} that all runs have`,
        );
      }
    }
  }
  return runs.map((run) => ({ ...run, predictions: run.predictions.filter(({ id }) => shared.has(id)) }));
}

/**
 * The battles of runs, from the votes in their files. Prompts are unknown, so each battle counts as its own prompt.
 * @throws Error when a file has no votes, or two differ.
 */
export function battlesOfRuns(runs: PredictedRun[]): EvalBattle[] {
  for (const { path, winners } of runs) {
    if (!winners) throw new Error(`${path}: its lines have no winner; give the votes with --data`);
  }
  const [first, ...others] = runs;
  return first.predictions.map(({ id }) => {
    const winner = first.winners!.get(id)!;
    for (const { path, winners } of others) {
      if (winners!.get(id) === winner) continue;
      throw new Error(
        `battle ${JSON.stringify(id)}: ${first.path} says winner ${winner}, ${path} says ${winners!.get(id)}; they are of different data`,
      );
    }
    return { id, prompt: [id], responseA: [], responseB: [], winner };
  });
}

/**
 * The battles of runs from the files with the votes.
 * @throws Error when a predicted battle is not in them, or twice.
 */
export async function battlesOfFiles(
  files: string[],
  [first]: PredictedRun[],
  signal?: AbortSignal,
): Promise<Battle[]> {
  const wanted = new Set(first.predictions.map(({ id }) => id));
  const found = new Map<string, Battle>();
  for (const file of files) {
    const stored = await preparedBattles(file);
    const source = stored ?? (await openVotes([file], { signal })).source;
    for await (const battle of readBattles(source, { signal, schema: stored ? 'jsonl' : undefined })) {
      if (!wanted.has(battle.id)) continue;
      if (found.has(battle.id)) throw new Error(`${file}: two battles have the id ${JSON.stringify(battle.id)}`);
      found.set(battle.id, battle);
    }
  }
  const missing = [...wanted].filter((id) => !found.has(id));
  if (missing.length) {
    throw new Error(
      `${files.join(', ')}: ${missing.length} of the ${wanted.size} predicted battles (the first ${JSON.stringify(missing[0])}) are not in it`,
    );
  }
  return [...found.values()];
}
