/** @file The families of this package, and what a user of Gemma does with a checkpoint of any of them. */
import {
  type Classifier,
  type DecoderConfig,
  type Family,
  type LoadOptions,
  loadClassifier,
  readConfig as readConfigOf,
} from '@arena/decoder';
import {
  type CheckpointSource,
  type CheckpointView,
  type DescribeOptions,
  describeCheckpoint,
  type MergedCheckpoint,
  type ModelDescription,
  mergedCheckpoint as merged,
  type QuantizedCheckpointOptions,
  quantizedCheckpoint as quantized,
  type RandomCheckpointOptions,
  type RandomWeightsOptions,
  randomCheckpointFiles as randomFiles,
  writeRandomCheckpoint as writeRandom,
} from '@arena/decoder/checkpoint';
import { parseConfig } from '@arena/decoder/family';
import type { Location } from '@arena/files';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';

/** What {@link loadGemma} and its neighbours take for their own. */
export const GEMMA_FAMILIES: Family[] = [gemma2, gemma3];

/** {@link LoadOptions} but for the families. */
export type LoadGemmaOptions = Omit<LoadOptions, 'families'>;

/**
 * Opens a Gemma checkpoint as a classifier on the current engine: {@link loadClassifier} with {@link GEMMA_FAMILIES}.
 * @param source A folder's path (Node) or its address on the web, or a function that opens its files by name; or a
 * checkpoint that is open.
 * @throws Error naming the file, tensor or field that is missing, of another shape or of another model.
 * @example
 * const model = await loadGemma('gemma-2-2b', { quantization: {}, adapter: await loadAdapter('run/adapter') });
 */
export function loadGemma(source: CheckpointSource, options: LoadGemmaOptions = {}): Promise<Classifier> {
  return loadClassifier(source, { ...options, families: GEMMA_FAMILIES });
}

/** Reads and checks `config.json` of a checkpoint. @throws Error naming the file and the field. */
export function readConfig(source: CheckpointSource, numLabels?: number): Promise<DecoderConfig> {
  return readConfigOf(source, { families: GEMMA_FAMILIES, numLabels });
}

/** Reads the text of a config.json. @throws Error naming the file and the field. */
export function parseGemmaConfig(text: string, path = 'config.json'): DecoderConfig {
  return parseConfig(text, GEMMA_FAMILIES, path);
}

/** Describes a Gemma checkpoint without loading it: {@link describeCheckpoint} with {@link GEMMA_FAMILIES}. */
export function describeGemma(
  source: Location,
  options: Omit<DescribeOptions, 'families'> = {},
): Promise<ModelDescription> {
  return describeCheckpoint(source, { ...options, families: GEMMA_FAMILIES });
}

/**
 * Writes a checkpoint of random weights into a folder (Node).
 * @param config The config.json, such as {@link GEMMA2_2B} with other sizes.
 */
export function writeRandomCheckpoint(
  directory: string,
  config: Record<string, unknown>,
  options: RandomCheckpointOptions = {},
): Promise<void> {
  return writeRandom(directory, config, GEMMA_FAMILIES, options);
}

/** The files of {@link writeRandomCheckpoint} in memory, for `loadGemma(bytesFolder(…))`: small models anywhere. */
export function randomCheckpointFiles(
  config: Record<string, unknown>,
  options: RandomWeightsOptions = {},
): Record<'config.json' | 'model.safetensors', Uint8Array> {
  return randomFiles(config, GEMMA_FAMILIES, options);
}

/** The base with an adapter folded in, as a view to write: {@link merged} with {@link GEMMA_FAMILIES}. */
export function mergedCheckpoint(base: CheckpointSource, adapter: Location): Promise<MergedCheckpoint> {
  return merged(base, adapter, { families: GEMMA_FAMILIES });
}

/** A checkpoint in 4 bits, as a view to write: {@link quantized} with {@link GEMMA_FAMILIES}. */
export function quantizedCheckpoint(
  base: CheckpointSource,
  options: Omit<QuantizedCheckpointOptions, 'families'> = {},
): Promise<CheckpointView> {
  return quantized(base, { ...options, families: GEMMA_FAMILIES });
}
