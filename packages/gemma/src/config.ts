/** @file Gemma 2's config.json, in the form of transformers 4 and of transformers 5. */
import type { ProblemType } from './loss.js';

/** The numbers that decide a Gemma 2 model's shape and arithmetic. Names are config.json's, in camel case. */
export interface GemmaConfig {
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  numKeyValueHeads: number;
  headDim: number;
  queryPreAttnScalar: number;
  rmsNormEps: number;
  ropeTheta: number;
  slidingWindow: number;
  /** Whether each layer sees only the sliding window. */
  slidingLayers: boolean[];
  /** 0 when the model has none. */
  attnLogitSoftcapping: number;
  /** Of the causal head alone. 0 when the model has none. */
  finalLogitSoftcapping: number;
  padTokenId: number;
  numLabels: number;
  /** Which loss the head is trained with; undefined lets transformers choose by the number of labels. */
  problemType?: ProblemType;
  /** Type of the checkpoint's weights. */
  dtype: 'float32' | 'bfloat16' | 'float16';
  /** Modules that a 4-bit checkpoint keeps in full precision; undefined for transformers' default (the head). */
  skipModules?: string[];
}

/** Far more than any Gemma 2 has: a file that says more is damaged. */
const MAX_LAYERS = 1000;

const ARCHITECTURES = ['Gemma2ForSequenceClassification', 'Gemma2ForCausalLM', 'Gemma2Model'];

const PROBLEM_TYPES: ProblemType[] = ['regression', 'single_label_classification', 'multi_label_classification'];

/**
 * Reads a config.json.
 * @throws Error naming the file and the field when it is no Gemma 2 model, or a value cannot be.
 */
export function parseGemmaConfig(text: string, path = 'config.json'): GemmaConfig {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
  const fail = (message: string): never => {
    throw new Error(`${path}: ${message}`);
  };
  const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(raw)) fail('not a JSON object');
  for (const field of ['rope_parameters', 'id2label', 'quantization_config']) {
    if (raw[field] && !isObject(raw[field])) fail(`${field} is ${JSON.stringify(raw[field])}, not an object`);
  }
  const architecture = (raw.architectures as string[] | null | undefined)?.[0];
  if (raw.model_type !== 'gemma2' || (architecture !== undefined && !ARCHITECTURES.includes(architecture))) {
    fail(
      `model_type ${JSON.stringify(raw.model_type)}, architecture ${JSON.stringify(architecture)}: only Gemma 2 is ` +
        `known (model_type "gemma2", ${ARCHITECTURES.join(', ')})`,
    );
  }
  const number = (field: string, fallback?: number): number => {
    const value = raw[field] ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value))
      fail(`${field} is ${JSON.stringify(value)}, not a number`);
    return value as number;
  };
  const size = (field: string, fallback?: number): number => {
    const value = number(field, fallback);
    if (!Number.isInteger(value) || value < 1 || value > 2 ** 24) fail(`${field} is ${value}, not a size`);
    return value;
  };
  if (raw.attention_bias) fail('attention_bias is true: Gemma 2 has no biases');
  const activation = raw.hidden_activation ?? 'gelu_pytorch_tanh';
  if (activation !== 'gelu_pytorch_tanh') fail(`hidden_activation ${activation} is not gelu_pytorch_tanh`);
  const rope = (raw.rope_parameters ?? {}) as { rope_theta?: number; rope_type?: string };
  if (rope.rope_type !== undefined && rope.rope_type !== 'default') fail(`rope_type ${rope.rope_type} is not known`);
  const numHiddenLayers = size('num_hidden_layers');
  if (numHiddenLayers > MAX_LAYERS) fail(`num_hidden_layers is ${numHiddenLayers}, at most ${MAX_LAYERS} are taken`);
  const numAttentionHeads = size('num_attention_heads');
  const numKeyValueHeads = size('num_key_value_heads');
  if (numAttentionHeads % numKeyValueHeads) {
    fail(`num_attention_heads ${numAttentionHeads} is no multiple of num_key_value_heads ${numKeyValueHeads}`);
  }
  const headDim = size('head_dim', 256);
  if (headDim % 2) fail(`head_dim ${headDim} is odd`);
  const layerTypes = (raw.layer_types ?? undefined) as string[] | undefined;
  if (layerTypes && !Array.isArray(layerTypes)) fail(`layer_types is ${JSON.stringify(layerTypes)}, not a list`);
  if (layerTypes && layerTypes.length !== numHiddenLayers) {
    fail(`layer_types has ${layerTypes.length} entries for ${numHiddenLayers} layers`);
  }
  const dtype = (raw.dtype ?? raw.torch_dtype ?? 'float32') as GemmaConfig['dtype'];
  if (!['float32', 'bfloat16', 'float16'].includes(dtype)) fail(`dtype ${dtype} is not float32, bfloat16 or float16`);
  const labels = (id2label: object) => Object.keys(id2label).length || fail('id2label is empty');
  const ropeTheta = rope.rope_theta ?? number('rope_theta', 10000);
  if (!(Number.isFinite(ropeTheta) && ropeTheta > 0)) fail(`rope_theta is ${JSON.stringify(ropeTheta)}`);
  const quantization = raw.quantization_config as Record<string, unknown> | null | undefined;
  const skipModules = quantization?.llm_int8_skip_modules as string[] | null | undefined;
  if (skipModules && !(Array.isArray(skipModules) && skipModules.every((name) => typeof name === 'string'))) {
    fail(`llm_int8_skip_modules is ${JSON.stringify(skipModules)}, not a list of names`);
  }
  const problemType = raw.problem_type as ProblemType | null | undefined;
  if (problemType && !PROBLEM_TYPES.includes(problemType)) {
    fail(`problem_type ${JSON.stringify(problemType)} is none of ${PROBLEM_TYPES.join(', ')}`);
  }
  if (quantization && (quantization.quant_method !== 'bitsandbytes' || quantization.load_in_4bit !== true)) {
    fail(`quantization_config of ${JSON.stringify(quantization.quant_method)}: only bitsandbytes 4-bit is known`);
  }
  return {
    vocabSize: size('vocab_size'),
    hiddenSize: size('hidden_size'),
    intermediateSize: size('intermediate_size'),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    queryPreAttnScalar: number('query_pre_attn_scalar', 256),
    rmsNormEps: number('rms_norm_eps', 1e-6),
    ropeTheta,
    slidingWindow: size('sliding_window', 4096),
    slidingLayers: Array.from({ length: numHiddenLayers }, (_, i) =>
      layerTypes ? layerTypes[i] === 'sliding_attention' : i % 2 === 0,
    ),
    attnLogitSoftcapping: raw.attn_logit_softcapping === null ? 0 : number('attn_logit_softcapping', 50),
    finalLogitSoftcapping: raw.final_logit_softcapping === null ? 0 : number('final_logit_softcapping', 30),
    padTokenId: raw.pad_token_id === null ? -1 : number('pad_token_id', 0),
    numLabels: raw.id2label ? labels(raw.id2label as object) : size('num_labels', 2),
    problemType: problemType ?? undefined,
    dtype,
    skipModules: skipModules ?? undefined,
  };
}

/** Names of a layer's seven linear modules, in the model's order. */
export const LINEAR_NAMES = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;

/** Path of a linear module within its layer, such as `mlp.gate_proj`. */
export type LinearName = (typeof LINEAR_NAMES)[number];

/** Every linear module of the model by path, with its width in and out, in the model's order (the head is not among them). */
export function linearModules(config: GemmaConfig) {
  const { hiddenSize, intermediateSize, headDim } = config;
  const queries = config.numAttentionHeads * headDim;
  const keys = config.numKeyValueHeads * headDim;
  const widths: Record<LinearName, [number, number]> = {
    'self_attn.q_proj': [hiddenSize, queries],
    'self_attn.k_proj': [hiddenSize, keys],
    'self_attn.v_proj': [hiddenSize, keys],
    'self_attn.o_proj': [queries, hiddenSize],
    'mlp.gate_proj': [hiddenSize, intermediateSize],
    'mlp.up_proj': [hiddenSize, intermediateSize],
    'mlp.down_proj': [intermediateSize, hiddenSize],
  };
  return Array.from({ length: config.numHiddenLayers }, (_, layer) =>
    LINEAR_NAMES.map((name) => ({
      layer,
      name,
      path: `model.layers.${layer}.${name}`,
      inFeatures: widths[name][0],
      outFeatures: widths[name][1],
    })),
  ).flat();
}
