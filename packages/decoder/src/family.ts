/** @file Which family a checkpoint is of, and what its config.json says. */

import { roundTo } from '@arena/quant/state';
import { parsePythonJson } from '@arena/safetensors/json';
import { type CheckpointSource, configText } from './checkpoint-view.js';
import type { DecoderConfig, Family } from './config.js';
import { DecoderError } from './error.js';

/**
 * Reads and checks `config.json` of a checkpoint.
 * @throws DecoderError naming the file and the field when it is of none of the families, or a value cannot be.
 */
export async function readConfig(
  source: CheckpointSource,
  { families, numLabels }: { families: Family[]; numLabels?: number },
): Promise<DecoderConfig> {
  const { text, path } = await configText(source);
  const config = parseConfig(text, families, path);
  return numLabels === undefined ? config : { ...config, numLabels };
}

/** Reads the text of a config.json. @throws DecoderError as {@link readConfig}. */
export function parseConfig(text: string, families: Family[], path = 'config.json'): DecoderConfig {
  let json: Record<string, unknown>;
  try {
    json = parsePythonJson(text) as Record<string, unknown>;
  } catch (error) {
    throw new DecoderError('config', `${path}: not JSON (${(error as Error).message})`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new DecoderError('config', `${path}: not a JSON object`);
  return familyOf(json, families, path).parseConfig(json, path);
}

/** The family of a parsed config.json. @throws DecoderError naming those that are known. */
export function familyOf(json: Record<string, unknown>, families: Family[], path: string): Family {
  const type = json.model_type;
  const architecture = (json.architectures as string[] | null | undefined)?.[0];
  const family = families.find(({ modelTypes }) => modelTypes.includes(type as string));
  if (family && (architecture === undefined || family.architectures.includes(architecture))) return family;
  const known = families.map(
    ({ modelTypes, architectures }) => `${modelTypes.join(', ')} (${architectures.join(', ')})`,
  );
  throw new DecoderError(
    'config',
    `${path}: model_type ${JSON.stringify(type)}, architecture ${JSON.stringify(architecture)}; ` +
      `these are known: ${known.join('; ')}`,
  );
}

/** sqrt(hidden_size) in the type of the embedding weights: 59.75, not 59.87, for a bfloat16 9B. */
export function embeddingFactor({ hiddenSize, dtype }: Pick<DecoderConfig, 'hiddenSize' | 'dtype'>): number {
  return roundTo(Float32Array.of(Math.sqrt(hiddenSize)), dtype)[0];
}
