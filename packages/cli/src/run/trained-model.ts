/** @file A trained adapter opened with its base, for prediction. */
import { type GemmaClassifier, loadGemma } from '@arena/gemma';
import { type AdapterFiles, loadAdapter } from '@arena/lora';
import type { Tokenizer } from '@arena/tokenizer';
import { openTokenizer, resolveBase } from './base.js';
import { type ModelCard, readModelCard } from './model-card.js';

export interface TrainedModel {
  model: GemmaClassifier;
  tokenizer: Tokenizer;
  card: ModelCard;
}

/** An adapter folder, its card, and the labels of its head: 1 for rewards, 2 or 3 classes. */
export interface TrainedAdapter {
  adapter: AdapterFiles;
  card: ModelCard;
  numLabels: number;
}

/** Reads an adapter folder. @throws Error naming the file that is missing, or when the head is not what the card says. */
export async function readTrained(adapterPath: string): Promise<TrainedAdapter> {
  const adapter = await loadAdapter(adapterPath);
  const card = await readModelCard(adapterPath);
  const numLabels = adapter.score?.shape[0] ?? 0;
  const expected = card.head === 'reward' ? [1] : [2, 3];
  if (!expected.includes(numLabels)) {
    throw new Error(
      `${adapterPath}: its head has ${numLabels} labels, arena.json says '${card.head}', which has ${expected.join(' or ')}`,
    );
  }
  return { adapter, card, numLabels };
}

/** Opens base and adapter as training had them: packing and quantisation come from the adapter's arena.json. */
export async function openTrained(baseOrId: string, adapterPath: string, signal?: AbortSignal): Promise<TrainedModel> {
  const base = await resolveBase(baseOrId);
  const { adapter, card, numLabels } = await readTrained(adapterPath);
  const tokenizer = await openTokenizer(base);
  const quantization = card.quantization ?? undefined;
  const model = await loadGemma(base, { adapter, quantization, numLabels, signal });
  return { model, tokenizer, card };
}
