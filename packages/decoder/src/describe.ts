/** @file What a checkpoint holds and what training on it takes, from config.json, the headers of its files, and one 4-bit state. */

import type { Weights } from '@arena/files';
import { placeName } from '@arena/files/source';
import { type LoraConfig, type LoraTarget, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { readQuantized } from '@arena/quant';
import { openCheckpoint } from '@arena/safetensors';
import { checkpointWeights, isDtype } from '@arena/safetensors/tensor';
import type { CheckpointSource } from './checkpoint-view.js';
import type { DecoderConfig, Family } from './config.js';
import { DecoderError } from './error.js';
import { readConfig } from './family.js';
import { checkFloats } from './frozen-weight.js';
import { type MemoryPlan, planMemory } from './memory.js';
import { linearModules, type TensorPlace, tensorTable } from './tensors.js';
import { textWeights } from './text-part.js';

/** A part of a checkpoint. */
export interface CheckpointPart {
  name: 'embeddings' | 'linears' | 'norms' | 'head';
  /** Numbers of the model, however they are stored. */
  parameters: number;
  /** Bytes in the files, quantisation statistics included. */
  bytes: number;
}

/**
 * What {@link describeCheckpoint} gives. `parameters` and `bytes` are sums over `parts`: tied embeddings count once, the
 * head only where the checkpoint holds one.
 */
export interface ModelDescription {
  config: DecoderConfig;
  /** Files that hold the weights. */
  files: string[];
  parts: CheckpointPart[];
  parameters: number;
  bytes: number;
  /** How the linears are stored: safetensors' type, or the 4-bit code. */
  linearType: string;
  /** Tensors that a classifier does not use, with their bytes. */
  unused: { name: string; bytes: number }[];
  /** What a training step takes. */
  training: MemoryPlan & {
    tokens: number;
    targets: LoraTarget[];
    trainableParameters: number;
  };
}

/** The training step to plan for; of the rest only the head and `config` depend on it, by `numLabels`. */
export interface DescribeOptions {
  /** Which families of models are taken: see `@arena/gemma`. */
  families: Family[];
  /** Adapters to be trained. Default r 16 on all seven linears of every layer. */
  lora?: LoraConfig;
  /** Tokens of the largest batch. Default 1900. */
  tokens?: number;
  /** Whether float linears would be quantised to 4 bits. Default true. */
  quantize?: boolean;
  /** Default the checkpoint's. */
  numLabels?: number;
  /** See {@link planMemory}. */
  budgetBytes?: number;
}

/**
 * Describes a checkpoint without loading it.
 * @throws Error when it is of no family, files or tensors are missing, shapes differ from config.json, no module is targeted, or
 * not even a step with every layer recomputed fits the budget.
 */
export async function describeCheckpoint(
  source: CheckpointSource,
  options: DescribeOptions,
): Promise<ModelDescription> {
  const config = await readConfig(source, options);
  const { weights, files } = await opened(source);
  try {
    return await described(weights, files, config, options);
  } finally {
    if (typeof source !== 'object') await weights.close();
  }
}

async function described(
  weights: Weights,
  files: string[],
  config: DecoderConfig,
  { tokens = 1900, quantize = true, budgetBytes, ...options }: DescribeOptions,
): Promise<ModelDescription> {
  const { tensors } = weights;
  const modules = linearModules(config);
  const { hiddenSize, numLabels } = config;
  const used = new Set<string>();
  const table = tensorTable(config).filter(({ role, name }) => role !== 'head' || tensors.has(name));
  const parts = PARTS.map(({ name, roles }): CheckpointPart => {
    const own = table.filter(({ role }) => roles.includes(role));
    const bytes = own.reduce((sum, one) => sum + tensorBytes(weights, one, used), 0);
    return { name, bytes, parameters: own.reduce((sum, { shape }) => sum + product(shape), 0) };
  });
  const lora = options.lora ?? loraConfig({ r: 16, lora_alpha: 16, target_modules: 'all-linear' });
  const targets = resolveTargets(lora, modules);
  const firstLinear = `${modules[0].path}.weight`;
  const code = stateOf(tensors, firstLinear);
  const quantized = quantize || code !== undefined;
  // of one matrix the state and the tables: those of a file are made alike
  if (code !== undefined) await checkQuantized(weights, firstLinear);
  const linearType = code ?? tensors.get(firstLinear)!.stored;
  const inBlocks = quantize && code === undefined && !isDtype(linearType);
  // of engine wasm, which holds blocks as they are stored
  const linearBytes = inBlocks ? parts.find(({ name }) => name === 'linears')!.bytes : undefined;
  const plan = planMemory({ config, targets, tokens, quantized, linearBytes, budgetBytes });
  return {
    config,
    files,
    parts,
    parameters: parts.reduce((sum, { parameters }) => sum + parameters, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    linearType,
    unused: [...tensors].flatMap(([name, { bytes }]) => (used.has(name) ? [] : [{ name, bytes }])),
    training: {
      ...plan,
      tokens,
      targets,
      trainableParameters:
        targets.reduce((sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures), 0) +
        numLabels * hiddenSize,
    },
  };
}

/** A checkpoint's tensors, whose values are not read yet. */
async function opened(source: CheckpointSource): Promise<{ weights: Weights; files: string[] }> {
  if (typeof source === 'object') return { weights: source.weights, files: [source.weights.place] };
  const checkpoint = await openCheckpoint(source);
  return { weights: textWeights(checkpointWeights(checkpoint, placeName(source))), files: checkpoint.files };
}

const PARTS: { name: CheckpointPart['name']; roles: TensorPlace['role'][] }[] = [
  { name: 'embeddings', roles: ['embedding'] },
  { name: 'linears', roles: ['linear'] },
  { name: 'norms', roles: ['norm', 'final-norm'] },
  { name: 'head', roles: ['head'] },
];

/** `nf4` or `fp4` when a weight is stored in 4 bits. */
function stateOf(tensors: Weights['tensors'], name: string): string | undefined {
  return ['nf4', 'fp4'].find((code) => tensors.has(`${name}.quant_state.bitsandbytes__${code}`));
}

/** Checks that a 4-bit weight can be read, without its codes and scales: only its state and tables are. @throws QuantError */
async function checkQuantized(weights: Weights, name: string): Promise<void> {
  const large = [name, `${name}.absmax`, `${name}.nested_absmax`];
  const small: Weights = {
    place: weights.place,
    tensors: weights.tensors,
    readFloat32: (key, rows) => weights.readFloat32(key, rows),
    async *readStored(key) {
      if (large.includes(key)) yield new Uint8Array(weights.tensors.get(key)!.bytes);
      else yield* weights.readStored(key);
    },
    close: () => weights.close(),
  };
  await readQuantized(small, name);
}

/** Bytes of a weight and of the statistics beside it. The shape of a 4-bit weight is in its state, which is not read here. */
function tensorBytes(weights: Weights, { name, shape }: TensorPlace, used: Set<string>): number {
  const { tensors, place } = weights;
  const entry = tensors.get(name);
  if (!entry)
    throw new DecoderError('checkpoint', `${place}: tensor '${name}' is missing; its config.json asks for it`);
  const code = stateOf(tensors, name);
  const fits = code ? entry.bytes === Math.ceil(product(shape) / 2) : entry.shape.join() === shape.join();
  if (!fits)
    throw new DecoderError(
      'checkpoint',
      `${place}: '${name}' has shape [${entry.shape}], config.json asks for [${shape}]`,
    );
  const beside = ['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map', `quant_state.bitsandbytes__${code}`];
  if (!code) checkFloats(weights, name);
  const missing = code && beside.find((one) => !tensors.has(`${name}.${one}`) && !one.startsWith('nested'));
  if (missing) throw new DecoderError('checkpoint', `${place}: '${name}.${missing}' is missing beside its 4-bit codes`);
  let bytes = 0;
  for (const one of [name, ...(code ? beside.map((suffix) => `${name}.${suffix}`) : [])]) {
    const found = tensors.get(one);
    if (!found) continue;
    used.add(one);
    bytes += found.bytes;
  }
  return bytes;
}

function product(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
