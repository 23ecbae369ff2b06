/** @file A trained model for prediction: an adapter with its base, or a checkpoint that an adapter was merged into. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Classifier } from '@arena/decoder';
import { loadGemma, readConfig } from '@arena/gemma';
import { type AdapterFiles, loadAdapter } from '@arena/lora';
import type { Tokenizer } from '@arena/tokenizer';
import { baseName, openTokenizer, resolveBase } from './base.js';
import { type ModelCard, mergedCard, readModelCard } from './model-card.js';

export interface TrainedModel {
  model: Classifier;
  tokenizer: Tokenizer;
  card: ModelCard;
}

/** What a trained model is loaded from, read but for the base's weights. */
export interface TrainedFiles {
  base: string;
  /** None where it was merged into the base. */
  adapter?: AdapterFiles;
  card: ModelCard;
  /** Labels of the head: 1 for rewards, 2 or 3 classes. */
  numLabels: number;
}

/** The adapter's folder, where that of the run that made it may be named as well. */
export async function adapterFolder(path: string): Promise<string> {
  const within = join(path, 'adapter');
  return (await stat(within).catch(() => undefined)) ? within : path;
}

/**
 * Reads what stands beside the weights.
 * @param adapterPath An adapter's folder, or its run's; none for a merged checkpoint.
 * @throws Error naming the file that is missing, when the head is not what the card says, or the base holds another adapter already.
 */
export async function readTrained(baseOrId: string, adapterPath?: string): Promise<TrainedFiles> {
  const base = await resolveBase(baseOrId);
  const merged = await mergedCard(base);
  if (adapterPath === undefined) {
    if (!merged) throw new Error(`${baseOrId}: --adapter is needed, unless the base is what arena merge wrote`);
    return checkHead(base, { base, card: merged, numLabels: (await readConfig(base)).numLabels });
  }
  const folder = await adapterFolder(adapterPath);
  const adapter = await loadAdapter(folder);
  const card = await readModelCard(folder);
  await checkNotMerged(baseOrId, merged, card);
  return checkHead(folder, { base, adapter, card, numLabels: adapter.score?.shape[0] ?? 0 });
}

function checkHead(place: string, files: TrainedFiles): TrainedFiles {
  const { card, numLabels } = files;
  const expected = card.head === 'reward' ? [1] : [2, 3];
  if (expected.includes(numLabels)) return files;
  throw new Error(
    `${place}: its head has ${numLabels} labels, arena.json says '${card.head}', which has ${expected.join(' or ')}`,
  );
}

/**
 * Refuses a base that an adapter was merged into, unless `card` is of one that was trained on it.
 * @throws Error that names the base to take.
 */
export async function checkNotMerged(baseOrId: string, merged: ModelCard | undefined, card: ModelCard): Promise<void> {
  if (!merged || card.base === (await baseName(baseOrId))) return;
  throw new Error(
    `${baseOrId}: an adapter was merged into it already, and would count twice: leave --adapter out, or name the base that it was ` +
      `trained on (${card.base})`,
  );
}

/** Loads a model as training had it: packing and quantisation come from arena.json. */
export async function loadTrained(files: TrainedFiles, signal?: AbortSignal): Promise<TrainedModel> {
  const { base, adapter, card, numLabels } = files;
  const tokenizer = await openTokenizer(base);
  const quantization = adapter && (card.quantization ?? undefined); // a merged checkpoint is used as it is stored
  const model = await loadGemma(base, { adapter, quantization, numLabels, signal });
  return { model, tokenizer, card };
}
