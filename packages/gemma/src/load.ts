/** @file A Gemma 2 classifier from a Hugging Face checkpoint, quantised on the way when asked for. */

import { type Location, placeName, readFileAt } from '@arena/files';
import {
  type AdapterFiles,
  adapterKey,
  checkAdapter,
  type FrozenWeight,
  initAdapter,
  initScore,
  type LoraConfig,
  type LoraTarget,
  resolveTargets,
  SCORE_KEY,
} from '@arena/lora';
import {
  dequantize4bit,
  disposeWeight4bit,
  type FloatDtype,
  findState,
  parseState,
  type Quantized4bit,
  type QuantType,
  quantize4bit,
  roundTo,
  uploadWeight4bit,
} from '@arena/quant';
import { type Checkpoint, openCheckpoint, type SafeTensor, toFloat32 } from '@arena/safetensors';
import { keep, type Tensor1D, type Tensor2D, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { type GemmaConfig, linearModules, parseGemmaConfig } from './config.js';
import { checkpointEmbedding } from './embedding.js';
import { type GemmaClassifier, type Layer, type Linear, NORM_NAMES, type Norm, trainableParameters } from './model.js';
import { disposeParameter, parameter } from './parameter.js';

/**
 * How linears become 4-bit. The defaults are QLoRA's (Dettmers et al. 2023), not those of transformers'
 * BitsAndBytesConfig, which are `fp4` and single quantisation.
 */
export interface QuantizationOptions {
  /** Default `nf4`. */
  type?: QuantType;
  /** Default true. */
  doubleQuant?: boolean;
  /** Default 64. */
  blockSize?: number;
  /** Weights are rounded to this type first, as transformers does. Default the checkpoint's. */
  dtype?: FloatDtype;
  /** See {@link Quantize4bitOptions.nestedSearch}. */
  nestedSearch?: 'cuda' | 'cpu';
  /** Module paths (or their last names) that stay in float. */
  skipModules?: string[];
}

/**
 * What is made of a checkpoint, and what of it is trained: without `adapter`, `lora` and `trainAll` the head alone.
 * `adapter` goes before `lora`. Default attention `eager`.
 */
export interface LoadGemmaOptions {
  /** Quantise float linears to 4 bits. A 4-bit checkpoint loads as it is, whatever is said here. */
  quantization?: QuantizationOptions;
  /** A trained adapter. */
  adapter?: AdapterFiles;
  /** A new adapter, drawn from `seed`. */
  lora?: { config: LoraConfig; seed: number };
  /** Train every weight (float checkpoints only). */
  trainAll?: boolean;
  /** Default the checkpoint's, 2 when it does not say. */
  numLabels?: number;
  /** Draws a head that the checkpoint lacks, N(0, scoreStd). Default 42. */
  scoreSeed?: number;
  /** Default 0.02, transformers' initializer_range. */
  scoreStd?: number;
  attention?: 'eager' | 'sdpa';
  /** Default `float32`; `bfloat16` reproduces a model that torch's `.to(bfloat16)` was called on. */
  ropeFrequencies?: 'float32' | 'bfloat16';
  /** Called after each linear module. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Opens a checkpoint as a classifier on the current engine. One source matrix is held at a time; embeddings stay where
 * they are, rows are read as batches need them.
 * @param source A folder's path (Node) or its address on the web, or a function that opens its files by name: for OPFS
 * (`opfsFolder`), files that a person chose (`filesFolder`), memory (`bytesFolder`).
 * @throws Error naming the file, tensor or field that is missing, of another shape or of another model.
 */
export async function loadGemma(source: Location, options: LoadGemmaOptions = {}): Promise<GemmaClassifier> {
  const config = await readConfig(source, options.numLabels);
  const checkpoint = await openCheckpoint(source);
  try {
    return await buildClassifier(checkpoint, config, options, placeName(source));
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

/** Reads and checks `config.json` of a checkpoint. */
export async function readConfig(source: Location, numLabels?: number): Promise<GemmaConfig> {
  const path = `${placeName(source)}/config.json`;
  const bytes = await readFileAt(source, 'config.json', { maxBytes: MAX_CONFIG_BYTES });
  if (!bytes) throw new Error(`${path}: cannot be read (ENOENT); a checkpoint as Hugging Face keeps it is expected`);
  const config = parseGemmaConfig(new TextDecoder().decode(bytes), path);
  return numLabels === undefined ? config : { ...config, numLabels };
}

/** Largest config.json that is read. */
const MAX_CONFIG_BYTES = 10e6;

async function buildClassifier(
  checkpoint: Checkpoint,
  config: GemmaConfig,
  options: LoadGemmaOptions,
  place: string,
): Promise<GemmaClassifier> {
  const { trainAll = false, attention = 'eager', ropeFrequencies = 'float32' } = options;
  const read = reader(checkpoint, place);
  const modules = linearModules(config);
  const loraConfig = options.adapter?.config ?? options.lora?.config;
  const targets = loraConfig ? resolveTargets(loraConfig, modules) : [];
  if (options.adapter) checkAdapter(options.adapter, targets);
  const adapterWeights =
    options.adapter?.weights ?? (options.lora && initAdapter(options.lora.config, targets, options.lora.seed));

  const norm = async (name: string): Promise<Norm> => {
    const weight = keep(tensor1d(await read(`${name}.weight`, [config.hiddenSize])));
    if (!trainAll) return { weight };
    const trained = parameter(`${name}.weight`, weight);
    return {
      trained,
      get weight() {
        return trained.value as Tensor1D;
      },
    };
  };
  // All but the layers comes first: a head or table that does not fit is found before minutes of quantising.
  const embeddingName = 'model.embed_tokens.weight';
  const tableShape: [number, number] = [config.vocabSize, config.hiddenSize];
  checkShape(checkpoint, embeddingName, tableShape, place);
  const finalNorm = await norm('model.norm');
  const score = await headParameter(checkpoint, read, config, options, place).catch((error) => {
    finalNorm.weight.dispose();
    throw error;
  });
  const model: GemmaClassifier = {
    config,
    attention,
    ropeFrequencies,
    embedding: checkpointEmbedding(checkpoint, embeddingName),
    layers: [],
    norm: finalNorm,
    score,
    ...(loraConfig ? { lora: { config: loraConfig, targets } } : {}),
    async dispose() {
      disposeTensors(model);
      await checkpoint.close();
    },
  };
  try {
    for (let index = 0; index < config.numHiddenLayers; index++) {
      const layer = { index, linears: {}, norms: {} } as Layer;
      model.layers.push(layer);
      for (const module of modules.filter(({ layer: of }) => of === index)) {
        options.signal?.throwIfAborted();
        const weight = await frozenWeight(checkpoint, read, module, config, options, place);
        const linear: Linear = { path: module.path, weight };
        layer.linears[module.name] = linear;
        if (trainAll) trainWeight(linear, place);
        attachAdapter(linear, targets, adapterWeights, loraConfig);
        options.onProgress?.(index * 7 + Object.keys(layer.linears).length, modules.length);
      }
      for (const name of NORM_NAMES) layer.norms[name] = await norm(`model.layers.${index}.${name}`);
    }
    if (trainAll) {
      const table = await read(embeddingName, tableShape);
      model.trainedEmbedding = parameter(embeddingName, tensor2d(table, tableShape));
    }
  } catch (error) {
    disposeTensors(model); // of the layers so far
    throw error;
  }
  return model;
}

/** Makes the weight itself a parameter; the module then reads its value of the moment. */
function trainWeight(linear: Linear, place: string) {
  const { weight, path } = linear;
  if (weight.kind === '4bit') throw new Error(`${place}: ${path} is 4-bit, only its adapter can be trained`);
  const trained = parameter(`${path}.weight`, weight.tensor);
  linear.trained = trained;
  linear.weight = {
    kind: 'float',
    get tensor() {
      return trained.value as Tensor2D;
    },
  };
}

function disposeTensors(model: GemmaClassifier) {
  for (const one of trainableParameters(model)) disposeParameter(one);
  for (const { linears, norms } of model.layers) {
    for (const { weight } of Object.values(linears)) disposeFrozen(weight);
    for (const { weight } of Object.values(norms)) weight.dispose();
  }
  model.norm.weight.dispose();
}

function disposeFrozen(weight: FrozenWeight) {
  if (weight.kind === '4bit') disposeWeight4bit(weight);
  else if (!weight.tensor.isDisposed) weight.tensor.dispose();
}

type Read = (name: string, shape: number[]) => Promise<Float32Array>;

/** Reads float tensors, checking presence, shape and finiteness. */
function reader(checkpoint: Checkpoint, place: string): Read {
  return async (name, shape) => {
    checkShape(checkpoint, name, shape, place);
    const values = toFloat32(await checkpoint.read(name));
    const bad = firstNonFinite(values);
    if (bad >= 0) throw new Error(`${place}: '${name}' holds ${values[bad]} at ${bad}: the checkpoint is damaged`);
    return values;
  };
}

/** Index of the first NaN or infinity, or -1. A plain loop: a call a value would take longer than quantising. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i;
  return -1;
}

function checkShape(checkpoint: Checkpoint, name: string, shape: number[], place: string) {
  const entry = checkpoint.tensors.get(name);
  if (!entry) throw new Error(`${place}: tensor '${name}' is missing; its config.json asks for it`);
  if (entry.shape.join() !== shape.join()) {
    throw new Error(`${place}: '${name}' has shape [${entry.shape}], config.json asks for [${shape}]`);
  }
}

async function frozenWeight(
  checkpoint: Checkpoint,
  read: Read,
  module: { path: string; inFeatures: number; outFeatures: number },
  config: GemmaConfig,
  { quantization }: LoadGemmaOptions,
  place: string,
): Promise<FrozenWeight> {
  const name = `${module.path}.weight`;
  const shape = [module.outFeatures, module.inFeatures];
  const stored = await readQuantized(checkpoint, name, place);
  const keepAll = (weight: FrozenWeight) => {
    for (const tensor of weight.kind === '4bit' ? Object.values(weight.tensors) : [weight.tensor])
      if (tensor) keep(tensor);
    return weight;
  };
  if (stored) {
    if (stored.shape.join() !== shape.join()) {
      throw new Error(`${place}: '${name}' is 4-bit of shape [${stored.shape}], config.json asks for [${shape}]`);
    }
    return keepAll(uploadWeight4bit(stored));
  }
  const values = await read(name, shape);
  if (!quantization || isSkipped(module.path, quantization.skipModules)) {
    return keepAll({ kind: 'float', tensor: tensor2d(values, shape as [number, number]) });
  }
  return keepAll(uploadWeight4bit(quantizeWeight(values, shape, config, quantization)));
}

/** Rounds to the asked type, then quantises. */
export function quantizeWeight(
  values: Float32Array,
  shape: number[],
  config: GemmaConfig,
  { type = 'nf4', doubleQuant = true, blockSize = 64, dtype = config.dtype, nestedSearch }: QuantizationOptions,
): Quantized4bit {
  return quantize4bit(roundTo(values, dtype), shape, { type, doubleQuant, blockSize, dtype, nestedSearch });
}

/** transformers' rule: a module is skipped when its path, or a part of it at a dot, is in the list. */
export function isSkipped(path: string, skipModules: string[] = []): boolean {
  return skipModules.some((name) => path === name || path.startsWith(`${name}.`) || path.split('.').includes(name));
}

/** The 4-bit weight that a checkpoint holds under `name`, if it is one. */
export async function readQuantized(
  checkpoint: Checkpoint,
  name: string,
  place: string,
): Promise<Quantized4bit | undefined> {
  if (!findState(checkpoint.names(), name)) return undefined;
  const tensors = new Map<string, SafeTensor>();
  for (const key of checkpoint.names()) {
    if (key === name || key.startsWith(`${name}.`)) tensors.set(key, await checkpoint.read(key));
  }
  try {
    return parseState(name, tensors);
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`);
  }
}

function attachAdapter(
  linear: Linear,
  targets: LoraTarget[],
  weights: Map<string, { A: Float32Array; B: Float32Array }> | undefined,
  config: LoraConfig | undefined,
) {
  const index = targets.findIndex(({ path }) => path === linear.path);
  if (index >= 0 && weights) linear.lora = uploadLora(targets[index], index, weights.get(linear.path)!, config!);
}

/** An adapter's matrices for one module, on the engine. */
export function uploadLora(
  { path, r, inFeatures, outFeatures, scaling }: LoraTarget,
  index: number,
  { A, B }: { A: Float32Array; B: Float32Array },
  { lora_dropout }: LoraConfig,
): NonNullable<Linear['lora']> {
  return {
    A: parameter(adapterKey(path, 'lora_A'), tensor2d(A, [r, inFeatures])),
    B: parameter(adapterKey(path, 'lora_B'), tensor2d(B, [outFeatures, r])),
    scaling,
    dropout: lora_dropout,
    index,
  };
}

async function headParameter(
  checkpoint: Checkpoint,
  read: Read,
  { numLabels, hiddenSize }: GemmaConfig,
  options: LoadGemmaOptions,
  place: string,
) {
  const { adapter, lora, scoreSeed = 42, scoreStd = 0.02 } = options;
  const name = adapter || lora ? SCORE_KEY : 'score.weight';
  const shape: [number, number] = [numLabels, hiddenSize];
  const head = (values: Float32Array) => parameter(name, tensor2d(values, shape) as Tensor2D);
  if (adapter?.score) {
    if (adapter.score.shape.join() !== shape.join()) {
      throw new Error(`the adapter's score head is [${adapter.score.shape}], the base wants [${shape}]`);
    }
    return head(adapter.score.values);
  }
  if (!checkpoint.tensors.has('score.weight')) return head(initScore(numLabels, hiddenSize, scoreSeed, scoreStd));
  const stored = await readQuantized(checkpoint, 'score.weight', place);
  if (!stored) return head(Float32Array.from(await read('score.weight', shape)));
  if (stored.shape.join() !== shape.join()) {
    throw new Error(`${place}: 'score.weight' is 4-bit of shape [${stored.shape}], config.json asks for [${shape}]`);
  }
  return head(dequantize4bit(stored));
}
