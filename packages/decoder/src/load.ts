/** @file A classifier from a Hugging Face checkpoint, quantised on the way when asked for. */

import { type AdapterFiles, checkAdapter, initAdapter, type LoraConfig, type LoraTarget } from '@arena/lora';
import { initScore, resolveTargets, SCORE_KEY } from '@arena/lora/names';
import type { FrozenWeight } from '@arena/lora/ops';
import { dequantize4bit, readQuantized } from '@arena/quant';
import { disposeBlocks, disposeWeight4bit } from '@arena/quant/ops';
import { disposeParameter, parameter } from '@arena/runtime';
import { keep, type Tensor1D, type Tensor2D, tensor1d, tensor2d } from '@tensorflow/tfjs-core';
import { type CheckpointSource, weightsOf } from './checkpoint-view.js';
import type { DecoderConfig, Family } from './config.js';
import { checkpointEmbedding } from './embedding-table.js';
import { DecoderError } from './error.js';
import { readConfig } from './family.js';
import {
  checkShape,
  checkStoredShape,
  frozenWeight,
  type OpenedModel,
  type Quantization,
  readFloats,
  type Widened,
  widenedNote,
} from './frozen-weight.js';
import {
  type Classifier,
  emptyLayer,
  type Layer,
  type Linear,
  linearsOf,
  type Norm,
  normsOf,
  putModule,
  trainableParameters,
} from './model.js';
import { noteNewHead } from './new-head.js';
import {
  CAUSAL_HEAD_NAME,
  EMBEDDING_NAME,
  FINAL_NORM_NAME,
  HEAD_NAME,
  linearModules,
  type TensorPlace,
  tensorTable,
} from './tensors.js';
import { uploadLora } from './upload-adapter.js';

/**
 * What is made of a checkpoint, and what of it is trained: without `adapter`, `lora` and `trainAll` the head alone.
 * `adapter` goes before `lora`. Default attention `eager`.
 */
export interface LoadOptions {
  /** Which families of models are taken: see `@arena/gemma`. */
  families: Family[];
  /**
   * Options quantise linears in floats or in blocks of ggml to 4 bits; those of a 4-bit checkpoint stay as they are.
   * `none` holds all in float32. Default as they are stored: blocks stay packed where the engine has kernels for them.
   */
  quantization?: Quantization;
  /** A trained adapter. */
  adapter?: AdapterFiles;
  /** A new adapter, drawn from `seed`. */
  lora?: { config: LoraConfig; seed: number };
  /** Train every weight (float checkpoints only). */
  trainAll?: boolean;
  /** Default the checkpoint's, 2 when it does not say. */
  numLabels?: number;
  /**
   * Draws a head that neither checkpoint nor adapter has, N(0, scoreStd). Default 42; without a seed, `lora` and `trainAll` the
   * model gives no scores until it is trained.
   */
  scoreSeed?: number;
  /** Default 0.02, transformers' initializer_range. */
  scoreStd?: number;
  /** `sdpa` drops the soft cap, as transformers' default attention did for Gemma 2. */
  attention?: 'eager' | 'sdpa';
  /** Default `float32`; `bfloat16` reproduces a model that torch's `.to(bfloat16)` was called on. */
  ropeFrequencies?: 'float32' | 'bfloat16';
  /** Told what the engine cannot hold as it is stored, once. */
  onNote?: (note: string) => void;
  /** Called after each linear module. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Opens a checkpoint as a classifier on the current engine. One source matrix is held at a time; embeddings stay where
 * they are, rows are read as batches need them.
 * @param source A folder's path (Node) or its address on the web, or a function that opens its files by name: for OPFS
 * (`opfsFolder`), files that a person chose (`filesFolder`), memory (`bytesFolder`). Or a checkpoint that is open: the
 * model then closes its weights.
 * @throws Error naming the file, tensor or field that is missing, of another shape or of another model.
 * @example
 * const model = await loadClassifier('gemma-2-2b', { families: [gemma2], quantization: {} });
 */
export async function loadClassifier(source: CheckpointSource, options: LoadOptions): Promise<Classifier> {
  const config = arithmeticOf(await readConfig(source, options), options);
  const weights = await weightsOf(source);
  try {
    return await buildClassifier({ weights, config }, options);
  } catch (error) {
    await weights.close();
    throw error;
  }
}

/** The configuration with what the options change of the layers' arithmetic. */
function arithmeticOf(config: DecoderConfig, { attention = 'eager', ropeFrequencies = 'float32' }: LoadOptions) {
  const layers = config.layers.map((shape) => ({
    ...shape,
    softcap: attention === 'eager' ? shape.softcap : 0,
    rope: { ...shape.rope, frequencyDtype: ropeFrequencies },
  }));
  return { ...config, layers };
}

async function buildClassifier(opened: OpenedModel, options: LoadOptions): Promise<Classifier> {
  const { weights, config } = opened;
  const { trainAll = false } = options;
  const table = tensorTable(config);
  const loraConfig = options.adapter?.config ?? options.lora?.config;
  const targets = loraConfig ? resolveTargets(loraConfig, linearModules(config)) : [];
  if (options.adapter) checkAdapter(options.adapter, targets);
  const adapterWeights =
    options.adapter?.weights ?? (options.lora && initAdapter(options.lora.config, targets, options.lora.seed));

  // All but the layers comes first: a head or table that does not fit is found before minutes of quantising.
  const embedding = table.find(({ role }) => role === 'embedding')!;
  checkShape(opened, embedding.name, embedding.shape);
  const finalNorm = await norm(opened, FINAL_NORM_NAME, [config.hiddenSize], trainAll);
  const score = await headParameter(opened, options).catch((error) => {
    finalNorm.weight.dispose();
    throw error;
  });
  const model: Classifier = {
    config,
    embedding: checkpointEmbedding(weights, EMBEDDING_NAME),
    ...(weights.tensors.has(CAUSAL_HEAD_NAME) ? { causalHead: checkpointEmbedding(weights, CAUSAL_HEAD_NAME) } : {}),
    layers: [],
    norm: finalNorm,
    score,
    ...(loraConfig ? { lora: { config: loraConfig, targets } } : {}),
    async dispose() {
      disposeTensors(model);
      await weights.close();
    },
  };
  const widened: Widened = { types: new Set(), matrices: 0, bytes: 0 };
  const progress = { done: 0, total: table.filter(({ role }) => role === 'linear').length };
  const lora = adapterWeights && { config: loraConfig!, targets, weights: adapterWeights };
  try {
    for (const [index, shape] of config.layers.entries()) {
      const layer = emptyLayer(index, shape);
      model.layers.push(layer);
      for (const place of table) {
        if (!('layer' in place) || place.layer !== index) continue;
        options.signal?.throwIfAborted();
        if (place.role === 'norm') {
          putModule(layer, place.module, await norm(opened, place.name, place.shape, trainAll));
          continue;
        }
        await addLinear(layer, opened, place, options, lora, widened);
        options.onProgress?.(++progress.done, progress.total);
      }
    }
    if (trainAll) {
      const values = await readFloats(opened, embedding.name, embedding.shape);
      model.trainedEmbedding = parameter(EMBEDDING_NAME, tensor2d(values, embedding.shape as [number, number]));
    }
  } catch (error) {
    disposeTensors(model); // of the layers so far
    throw error;
  }
  if (widened.matrices) options.onNote?.(widenedNote(widened));
  return model;
}

/** What is put on the linears that it targets. */
interface LoadedLora {
  config: LoraConfig;
  targets: LoraTarget[];
  weights: ReadonlyMap<string, { A: Float32Array; B: Float32Array }>;
}

/** Loads a linear into its layer, which owns it from then on, and puts on it what is trained. */
async function addLinear(
  layer: Layer,
  opened: OpenedModel,
  place: Extract<TensorPlace, { role: 'linear' }>,
  { quantization, trainAll }: LoadOptions,
  lora: LoadedLora | undefined,
  widened: Widened,
): Promise<void> {
  const { path } = place;
  const linear: Linear = { path, weight: await frozenWeight(opened, place, quantization, widened) };
  putModule(layer, place.module, linear);
  if (trainAll) trainWeight(linear, opened.weights.place);
  const index = lora ? lora.targets.findIndex((target) => target.path === path) : -1;
  if (index >= 0) linear.lora = uploadLora(lora!.targets[index], index, lora!.weights.get(path)!, lora!.config);
}

async function norm(opened: OpenedModel, name: string, shape: number[], trainAll: boolean): Promise<Norm> {
  const weight = keep(tensor1d(await readFloats(opened, name, shape)));
  if (!trainAll) return { weight };
  const trained = parameter(name, weight);
  return {
    trained,
    get weight() {
      return trained.value as Tensor1D;
    },
  };
}

/** Makes the weight itself a parameter; the module then reads its value of the moment. */
function trainWeight(linear: Linear, place: string) {
  const { weight, path } = linear;
  if (weight.kind !== 'float') {
    const held = weight.kind === '4bit' ? '4-bit' : `in blocks of ${weight.type}`;
    throw new DecoderError('argument', `${place}: ${path} is ${held}, only its adapter can be trained`);
  }
  const trained = parameter(`${path}.weight`, weight.tensor);
  linear.trained = trained;
  linear.weight = {
    kind: 'float',
    get tensor() {
      return trained.value as Tensor2D;
    },
  };
}

function disposeTensors(model: Classifier) {
  for (const one of trainableParameters(model)) disposeParameter(one);
  for (const layer of model.layers) {
    for (const { weight } of linearsOf(layer)) disposeFrozen(weight);
    for (const { weight } of normsOf(layer)) weight.dispose();
  }
  model.norm.weight.dispose();
}

function disposeFrozen(weight: FrozenWeight) {
  if (weight.kind === '4bit') disposeWeight4bit(weight);
  else if (weight.kind === 'blocks') disposeBlocks(weight);
  else if (!weight.tensor.isDisposed) weight.tensor.dispose();
}

async function headParameter(opened: OpenedModel, options: LoadOptions) {
  const { numLabels, hiddenSize } = opened.config;
  const { adapter, lora, trainAll, scoreSeed, scoreStd = 0.02 } = options;
  const name = adapter || lora ? SCORE_KEY : HEAD_NAME;
  const shape: [number, number] = [numLabels, hiddenSize];
  const head = (values: Float32Array) => parameter(name, tensor2d(values, shape) as Tensor2D);
  if (adapter?.score) {
    if (adapter.score.shape.join() !== shape.join()) {
      throw new DecoderError(
        'adapter',
        `the adapter's score head is [${adapter.score.shape}], the base wants [${shape}]`,
      );
    }
    return head(adapter.score.values);
  }
  if (!opened.weights.tensors.has(HEAD_NAME)) {
    const drawn = head(initScore(numLabels, hiddenSize, scoreSeed ?? 42, scoreStd));
    return lora || trainAll || scoreSeed !== undefined ? drawn : noteNewHead(drawn);
  }
  const stored = await readQuantized(opened.weights, HEAD_NAME);
  if (!stored) return head(Float32Array.from(await readFloats(opened, HEAD_NAME, shape)));
  checkStoredShape(opened, HEAD_NAME, stored, shape);
  return head(dequantize4bit(stored));
}
