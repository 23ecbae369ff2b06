/** @file What a base of the list would take on this machine, before any of it is downloaded. */

import { linearModules } from '@arena/decoder/family';
import { GEMMA2_2B, GEMMA3_270M, parseGemmaConfig } from '@arena/gemma';
import { estimateTraining } from '@arena/judge/estimate';
import type { Estimate } from '../protocol.js';
import { MEASURED } from './model.js';
import { formFor, settingsOf } from './settings.js';
import type { Votes } from './votes.js';

const GEMMA3_1B = {
  ...GEMMA3_270M,
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
};

/** The config.json of each base of the list. */
const SHAPES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'google/gemma-3-270m': GEMMA3_270M,
  'google/gemma-3-1b-pt': GEMMA3_1B,
  'google/gemma-2-2b': GEMMA2_2B,
};

/** Time and memory of a training with the settings that the page would take for the base. */
export async function estimateFor(id: string, { splits, info }: Votes, signal: AbortSignal): Promise<Estimate> {
  const shape = SHAPES[id];
  if (!shape) throw new Error(`${id}: is none of ${Object.keys(SHAPES).join(', ')}`);
  const { hiddenSize, vocabSize, ...config } = parseGemmaConfig(JSON.stringify(shape));
  const linears = linearModules({ hiddenSize, vocabSize, ...config });
  const parameters = linears.reduce(
    (sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures,
    vocabSize * hiddenSize,
  );
  const { form } = formFor({ hiddenSize, parameters });
  const { settings } = settingsOf(form, { base: id, hiddenSize, votes: info.name, battles: splits.train.length });
  return estimateTraining(shape, splits, settings, { measured: MEASURED, signal });
}
