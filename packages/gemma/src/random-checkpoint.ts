/** @file A checkpoint of random weights in Hugging Face's format: for examples, tests and benchmarks. */
import { Mt19937, normal } from '@arena/random';
import {
  fromFloat32,
  pythonJson,
  serialize,
  type TensorInput,
  type TensorSpec,
  writeSharded,
} from '@arena/safetensors';
import { type GemmaConfig, linearModules } from './config.js';
import { NORM_NAMES } from './model.js';

/** The shape of google/gemma-2-2b. */
export const GEMMA2_2B: GemmaConfig = {
  vocabSize: 256000,
  hiddenSize: 2304,
  intermediateSize: 9216,
  numHiddenLayers: 26,
  numAttentionHeads: 8,
  numKeyValueHeads: 4,
  headDim: 256,
  queryPreAttnScalar: 256,
  rmsNormEps: 1e-6,
  ropeTheta: 10000,
  slidingWindow: 4096,
  slidingLayers: Array.from({ length: 26 }, (_, i) => i % 2 === 0),
  attnLogitSoftcapping: 50,
  finalLogitSoftcapping: 30,
  padTokenId: 0,
  numLabels: 2,
  dtype: 'bfloat16',
};

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
 * Writes config.json and the weights of a causal Gemma 2 (no score head) into a folder (Node): linears N(0, 1 / inFeatures), embeddings
 * N(0, 1 / hiddenSize), norms zero. One tensor is in memory at a time.
 */
export async function writeRandomCheckpoint(
  directory: string,
  config: GemmaConfig,
  options: RandomCheckpointOptions = {},
): Promise<void> {
  const { maxShardBytes = 5e9, onProgress, signal, ...weights } = options;
  const tensors = randomTensors(config, weights);
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
  await writeSharded(directory, watched, { maxShardBytes });
  // Asked for at run time, so that bundlers for browsers have nothing to resolve; writeSharded has needed it too.
  const fs = globalThis.process.getBuiltinModule('node:fs/promises');
  await fs.writeFile(`${directory}/config.json`, formatGemmaConfig(config));
}

/** The files of {@link writeRandomCheckpoint} in memory, for `loadGemma(bytesFolder(…))`: small models anywhere. */
export function randomCheckpointFiles(
  config: GemmaConfig,
  options: RandomWeightsOptions = {},
): Record<'config.json' | 'model.safetensors', Uint8Array> {
  const tensors = randomTensors(config, options).map((tensor) => ({ ...tensor, data: tensor.data() }));
  const text = new TextEncoder().encode(formatGemmaConfig(config));
  return { 'config.json': text, 'model.safetensors': serialize(tensors) };
}

/** The tensors in the order of their seeds; values are drawn when asked for. */
function randomTensors(config: GemmaConfig, { seed = 0, queryKeyGain = 1 }: RandomWeightsOptions) {
  const { vocabSize, hiddenSize, numHiddenLayers, dtype } = config;
  const stored = dtype === 'bfloat16' ? 'BF16' : dtype === 'float16' ? 'F16' : 'F32';
  const tensors: (TensorSpec & { data: () => Uint8Array })[] = [];
  const add = (name: string, shape: number[], std: number) => {
    const own = seed * 65536 + tensors.length;
    const count = shape.reduce((a, b) => a * b, 1);
    const values = () => (std ? normal(new Mt19937(own), count, 0, std) : new Float32Array(count));
    tensors.push({ name, dtype: stored, shape, data: () => fromFloat32(values(), stored) });
  };
  add('model.embed_tokens.weight', [vocabSize, hiddenSize], hiddenSize ** -0.5);
  for (const { name, path, inFeatures, outFeatures } of linearModules(config)) {
    const gain = name === 'self_attn.q_proj' || name === 'self_attn.k_proj' ? queryKeyGain : 1;
    add(`${path}.weight`, [outFeatures, inFeatures], gain * inFeatures ** -0.5);
  }
  for (let layer = 0; layer < numHiddenLayers; layer++) {
    for (const norm of NORM_NAMES) add(`model.layers.${layer}.${norm}.weight`, [hiddenSize], 0);
  }
  add('model.norm.weight', [hiddenSize], 0);
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

/** config.json of a causal Gemma 2, in the keys of transformers 4 (transformers 5 reads them too). */
export function formatGemmaConfig(config: GemmaConfig): string {
  const fields = {
    architectures: ['Gemma2ForCausalLM'],
    attention_bias: false,
    attention_dropout: 0,
    attn_logit_softcapping: config.attnLogitSoftcapping || null,
    bos_token_id: 2,
    eos_token_id: 1,
    final_logit_softcapping: config.finalLogitSoftcapping || null,
    head_dim: config.headDim,
    hidden_activation: 'gelu_pytorch_tanh',
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: 8192,
    model_type: 'gemma2',
    num_attention_heads: config.numAttentionHeads,
    num_hidden_layers: config.numHiddenLayers,
    num_key_value_heads: config.numKeyValueHeads,
    pad_token_id: config.padTokenId,
    query_pre_attn_scalar: config.queryPreAttnScalar,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    sliding_window: config.slidingWindow,
    tie_word_embeddings: true,
    torch_dtype: config.dtype,
    use_cache: true,
    vocab_size: config.vocabSize,
  };
  return `${pythonJson(fields, FLOAT_FIELDS)}\n`;
}
