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
  lowerLayers,
  type MergedCheckpoint,
  type ModelDescription,
  mergedCheckpoint as merged,
  openedView,
  type QuantizedCheckpointOptions,
  quantizedCheckpoint as quantized,
  type RandomCheckpointOptions,
  type RandomWeightsOptions,
  randomCheckpointFiles as randomFiles,
  weightsOf,
  writeRandomCheckpoint as writeRandom,
} from '@arena/decoder/checkpoint';
import { parseConfig } from '@arena/decoder/family';
import type { Location, Weights } from '@arena/files';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';
import { ggufCheckpoint } from './gguf-base.js';

/** What {@link loadGemma} and its neighbours take for their own. */
const GEMMA_FAMILIES: Family[] = [gemma2, gemma3];

/** Which part of a base is taken. */
export interface BasePart {
  /** Its first layers, as many as this; the others are not read. Default all. */
  layers?: number;
}

/** {@link LoadOptions} but for the families. */
export type LoadGemmaOptions = Omit<LoadOptions, 'families'> & BasePart;

/**
 * Opens a Gemma base as a classifier on the current engine: `loadClassifier` of @arena/decoder with the families of this package.
 * @param source A folder's path (Node) or its address on the web, or a function that opens its files by name; the path or
 * address of a GGUF file, or a folder with one in it; or a checkpoint that is open.
 * @throws Error naming the file, tensor or field that is missing, of another shape or of another model.
 * @example
 * const model = await loadGemma('gemma-2-2b', { quantization: {}, adapter: await loadAdapter('run/adapter') });
 * const small = await loadGemma('gemma-3-270m-q4_k_m.gguf'); // its blocks stay as they are stored
 */
export function loadGemma(
  source: CheckpointSource,
  { layers, ...options }: LoadGemmaOptions = {},
): Promise<Classifier> {
  return opened(source, layers, (one) => loadClassifier(one, { ...options, families: GEMMA_FAMILIES }));
}

/** Reads and checks `config.json` of a checkpoint, or what stands for it in a GGUF file. @throws Error naming the file and the field. */
export function readConfig(source: CheckpointSource, numLabels?: number): Promise<DecoderConfig> {
  return looked(source, undefined, (one) => readConfigOf(one, { families: GEMMA_FAMILIES, numLabels }));
}

/** Reads the text of a config.json. @throws Error naming the file and the field. */
export function parseGemmaConfig(text: string, path = 'config.json'): DecoderConfig {
  return parseConfig(text, GEMMA_FAMILIES, path);
}

/** Describes a Gemma checkpoint without loading it: {@link describeCheckpoint} with {@link GEMMA_FAMILIES}. */
export function describeGemma(
  source: CheckpointSource,
  { layers, ...options }: Omit<DescribeOptions, 'families'> & BasePart = {},
): Promise<ModelDescription> {
  return looked(source, layers, (one) => describeCheckpoint(one, { ...options, families: GEMMA_FAMILIES }));
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

/**
 * The base with an adapter folded in, as a view to write: {@link merged} with {@link GEMMA_FAMILIES}. A GGUF base is
 * written in float32.
 */
export function mergedCheckpoint(
  base: CheckpointSource,
  adapter: Location,
  { layers, ...options }: { labels?: readonly string[] } & BasePart = {},
): Promise<MergedCheckpoint> {
  return opened(base, layers, (one) => merged(one, adapter, { ...options, families: GEMMA_FAMILIES }));
}

/**
 * The tensors of a base as they are stored, a GGUF file's by Hugging Face's names. Close them when done.
 * @throws Error naming the file that is missing or is none.
 */
export async function openBaseWeights(base: Location): Promise<Weights> {
  return (await ggufCheckpoint(base))?.weights ?? weightsOf(base);
}

/** A checkpoint in 4 bits, as a view to write: {@link quantized} with {@link GEMMA_FAMILIES}. */
export function quantizedCheckpoint(
  base: CheckpointSource,
  options: Omit<QuantizedCheckpointOptions, 'families'> = {},
): Promise<CheckpointView> {
  return opened(base, undefined, (one) => quantized(one, { ...options, families: GEMMA_FAMILIES }));
}

/** Opens a GGUF base, or a part of any, for what takes it over. It is closed here when that fails. */
async function opened<T>(
  source: CheckpointSource,
  layers: number | undefined,
  work: (source: CheckpointSource) => Promise<T>,
): Promise<T> {
  const view = await viewOf(source, layers);
  if (!view) return work(source);
  try {
    return await work(layers === undefined ? view : lowerLayers(view, layers));
  } catch (error) {
    await view.weights.close().catch(() => {}); // closed already where the loader got so far
    throw error;
  }
}

/** Opens a GGUF base, or a part of any, for a look. */
async function looked<T>(
  source: CheckpointSource,
  layers: number | undefined,
  work: (source: CheckpointSource) => Promise<T>,
): Promise<T> {
  const view = await viewOf(source, layers);
  try {
    return await work(view && layers !== undefined ? lowerLayers(view, layers) : (view ?? source));
  } finally {
    if (typeof source !== 'object') await view?.weights.close();
  }
}

/** A base opened here: a GGUF file's, or any whose lower layers alone are wanted. */
async function viewOf(source: CheckpointSource, layers: number | undefined): Promise<CheckpointView | undefined> {
  const gguf = typeof source === 'object' ? undefined : await ggufCheckpoint(source);
  return gguf ?? (layers === undefined ? undefined : openedView(source));
}
