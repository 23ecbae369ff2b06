/** @file A trained model by the paths of its folders: an adapter with its base, or a merged checkpoint. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@arena/gemma';
import { type Judge, type ModelCard, openJudge } from '@arena/judge';
import { describeStyle, mergedCard, objectiveOfCard, styleOf } from '@arena/judge/card';
import { type JudgeFiles, openBase, readJudge } from '@arena/judge/run';
import { baseName, resolveAdapter, resolveBase } from './hub/base.js';

/** The files of a trained model, read without the base's weights. */
export interface TrainedFiles extends JudgeFiles {
  /** Folder of the base. */
  base: string;
  /** Folder of its arena.json. */
  folder: string;
}

/** The adapter's folder. The path may also name the run that made it, or its id on the hub. */
export async function adapterFolder(pathOrId: string): Promise<string> {
  const path = await resolveAdapter(pathOrId);
  const within = join(path, 'adapter');
  return (await stat(within).catch(() => undefined)) ? within : path;
}

/**
 * Reads the files beside the weights.
 * @param adapterPath The folder of an adapter or of its run, or an id on the hub. None for a merged checkpoint.
 * @throws Error naming the file that is missing, when the head is not what the card says, or the base holds another
 * adapter already.
 */
export async function readTrained(baseOrId: string, adapterPath?: string): Promise<TrainedFiles> {
  const base = await resolveBase(baseOrId);
  const merged = await mergedCard(base);
  if (adapterPath === undefined) {
    if (!merged) throw new Error(`${baseOrId}: --adapter is needed, unless the base is what arena merge wrote`);
    const { numLabels } = await readConfig(base);
    return { base, folder: base, card: merged, objective: objectiveOfCard(merged, numLabels, base) };
  }
  const folder = await adapterFolder(adapterPath);
  const files = await readJudge(folder);
  await checkNotMerged(baseOrId, merged, files.card);
  return { base, folder, ...files };
}

/**
 * Refuses a merged base, unless `card` belongs to an adapter that was trained on it.
 * @throws Error that names the base to take.
 */
export async function checkNotMerged(baseOrId: string, merged: ModelCard | undefined, card: ModelCard): Promise<void> {
  if (!merged || card.base === (await baseName(baseOrId))) return;
  throw new Error(
    `${baseOrId}: an adapter was merged into it already, and would count twice: leave --adapter out, or name the base that it was ` +
      `trained on${card.base === undefined ? '' : ` (${card.base})`}`,
  );
}

/**
 * Loads a model the way training did, and says which of two probabilities it gives where it has two.
 * @param raw Whether the margin alone is asked for.
 * @throws JudgeError before it loads for a style that this version cannot use, unless `raw`.
 */
export async function loadTrained(files: TrainedFiles, raw: boolean, signal?: AbortSignal): Promise<Judge> {
  if (!raw) styleOf(files.card, `${files.folder}/arena.json`);
  const says = describeStyle(files.card, raw);
  if (says) console.error(`note: ${says}`);
  return openJudge(await openBase(files.base), files, { signal, onNote: (note) => console.error(`note: ${note}`) });
}
