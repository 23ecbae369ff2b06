/** @file A trained adapter opened with its base, for prediction. */
import type { PackOptions } from '@arena/data';
import { type GemmaClassifier, loadGemma } from '@arena/gemma';
import { loadAdapter } from '@arena/lora';
import type { Tokenizer } from '@arena/tokenizer';
import { openTokenizer, resolveBase } from './base.js';
import { readModelCard } from './model-card.js';

export interface TrainedModel {
  model: GemmaClassifier;
  tokenizer: Tokenizer;
  pack: PackOptions;
}

/** Opens base and adapter as training had them: packing and quantisation come from the adapter's arena.json. */
export async function openTrained(baseOrId: string, adapterPath: string, signal?: AbortSignal): Promise<TrainedModel> {
  const base = await resolveBase(baseOrId);
  const adapter = await loadAdapter(adapterPath);
  const { pack, quantization } = await readModelCard(adapterPath);
  const tokenizer = await openTokenizer(base);
  const model = await loadGemma(base, { adapter, quantization: quantization ?? undefined, numLabels: 2, signal });
  return { model, tokenizer, pack };
}
