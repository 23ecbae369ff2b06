/** @file Names the recipe for small bases where one meets the defaults that are made for larger ones. */

import type { DecoderConfig } from '@arena/decoder';
import { linearModules } from '@arena/decoder/family';
import { DEFAULT_SETTINGS, type TrainingSettings } from '../settings.js';
import { smallBase } from './small-base.js';

/** Parameters below which a base is small. */
const SMALL = 1e9;

/** Settings that make the difference. A run that names one of them has its own mind. */
const DECISIVE = ['loss', 'targets', 'firstLayer', 'learningRate'] as const;

/** A sentence for a small base with the untouched defaults; else undefined. */
export function recipeAdvice(config: DecoderConfig, settings: TrainingSettings): string | undefined {
  const untouched = DECISIVE.every((key) => JSON.stringify(settings[key]) === JSON.stringify(DEFAULT_SETTINGS[key]));
  const parameters = parametersOf(config);
  if (settings.recipe !== undefined || !untouched || parameters >= SMALL) return undefined;
  const millions = Math.max(1, Math.round(parameters / 1e6)).toLocaleString('en');
  return (
    `the base has ${millions} million parameters, and the defaults are made for 2 billion: ` +
    `\`recipe\` '${smallBase.name}' is for ${smallBase.purpose}`
  );
}

/** Numbers in the linears and the embedding. */
function parametersOf(config: DecoderConfig): number {
  const embedding = config.vocabSize * config.hiddenSize;
  return linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, embedding);
}
