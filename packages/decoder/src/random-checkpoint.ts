/** @file A checkpoint of random weights in Hugging Face's format: for examples, tests and benchmarks. */
import { diskStore } from '@arena/files';
import { Mt19937, normal } from '@arena/random';
import { serialize, type TensorInput, writeSharded } from '@arena/safetensors';
import { pythonJson } from '@arena/safetensors/json';
import { fromFloat32, type TensorSpec } from '@arena/safetensors/tensor';
import type { DecoderConfig, Family } from './config.js';
import { familyOf } from './family.js';
import { tensorTable } from './tensors.js';

/** Which weights are drawn: equal options and config give equal bytes. */
export interface RandomWeightsOptions {
  /** Default 0. Each tensor draws from a seed of its own, so that its values do not depend on the others. */
  seed?: number;
  /** Standard deviation of q_proj and k_proj in units of 1 / sqrt(inFeatures): larger makes sharper attention. Default 1. */
  queryKeyGain?: number;
}

/**
 * The weights, and how their files are written. `onProgress` is called after each tensor; an aborted `signal` ends the
 * writing between two, with its reason.
 */
export interface RandomCheckpointOptions extends RandomWeightsOptions {
  /** Largest file. Default 5e9 bytes. */
  maxShardBytes?: number;
  onProgress?: (tensorsDone: number, tensors: number) => void;
  signal?: AbortSignal;
}

/**
 * Writes config.json and the weights of a causal model (no score head) into a folder (Node): linears N(0, 1 / inFeatures), embeddings
 * N(0, 1 / hiddenSize), norms zero. One tensor is in memory at a time.
 * @param config The config.json, of one of the families.
 */
export async function writeRandomCheckpoint(
  directory: string,
  config: Record<string, unknown>,
  families: Family[],
  options: RandomCheckpointOptions = {},
): Promise<void> {
  const { maxShardBytes = 5e9, onProgress, signal, ...weights } = options;
  const tensors = randomTensors(parsed(config, families), weights);
  let done = 0;
  const watched = tensors.map(
    (tensor): TensorInput => ({
      ...tensor,
      async *data() {
        signal?.throwIfAborted();
        yield tensor.data();
        onProgress?.(++done, tensors.length); // its bytes are written when the next part is asked for
      },
    }),
  );
  const folder = diskStore(directory);
  await writeSharded(folder, watched, { maxShardBytes });
  await folder.write('config.json', configText(config));
}

/** The files of {@link writeRandomCheckpoint} in memory: small models anywhere. */
export function randomCheckpointFiles(
  config: Record<string, unknown>,
  families: Family[],
  options: RandomWeightsOptions = {},
): Record<'config.json' | 'model.safetensors', Uint8Array> {
  const tensors = randomTensors(parsed(config, families), options).map((one) => ({ ...one, data: one.data() }));
  return { 'config.json': new TextEncoder().encode(configText(config)), 'model.safetensors': serialize(tensors) };
}

function parsed(config: Record<string, unknown>, families: Family[]): DecoderConfig {
  return familyOf(config, families, 'config.json').parseConfig(config, 'config.json');
}

/** The tensors in the order of their seeds, norms last; values are drawn when asked for. */
function randomTensors(config: DecoderConfig, { seed = 0, queryKeyGain = 1 }: RandomWeightsOptions) {
  const { hiddenSize, dtype } = config;
  const stored = dtype === 'bfloat16' ? 'BF16' : dtype === 'float16' ? 'F16' : 'F32';
  const tensors: (TensorSpec & { data: () => Uint8Array })[] = [];
  const add = (name: string, shape: number[], std: number) => {
    const own = seed * 65536 + tensors.length;
    const count = shape.reduce((a, b) => a * b, 1);
    const values = () => (std ? normal(new Mt19937(own), count, 0, std) : new Float32Array(count));
    tensors.push({ name, dtype: stored, shape, data: () => fromFloat32(values(), stored) });
  };
  const table = tensorTable(config);
  for (const one of table) {
    if (one.role === 'embedding') add(one.name, one.shape, hiddenSize ** -0.5);
    if (one.role !== 'linear') continue;
    const gain = one.module === 'self_attn.q_proj' || one.module === 'self_attn.k_proj' ? queryKeyGain : 1;
    add(one.name, one.shape, gain * one.shape[1] ** -0.5);
  }
  for (const { role, name, shape } of table) if (role === 'norm' || role === 'final-norm') add(name, shape, 0);
  return tensors;
}

/** What transformers checks to be floats. */
const FLOAT_FIELDS = new Set([
  'attention_dropout',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'initializer_range',
  'rms_norm_eps',
  'rope_theta',
]);

function configText(config: Record<string, unknown>): string {
  return `${pythonJson(config, FLOAT_FIELDS)}\n`;
}
