/**
 * @file What a GGUF file says of a Gemma 2 or 3, as a config.json in transformers' words. Metadata means what llama.cpp
 * takes it for (src/models/gemma2.cpp and gemma3.cpp there, and the defaults of llama-hparams.h).
 */
import { GgufError } from './errors.js';
import {
  type Architecture,
  architectureOf,
  type Fields,
  fieldsOf,
  LAYERS_27B,
  layerCount,
  type Metadata,
  shown,
} from './fields.js';
import { withLlamaKeys } from './ollama.js';
import type { GgufTensor } from './tensor-table.js';

/**
 * The config.json of a Gemma 2 or 3 (`model_type` `gemma2` or `gemma3_text`, keys of transformers 5), without labels.
 * Where the file is silent, llama.cpp's defaults stand: every sixth layer of a Gemma 3 is full, window layers have the
 * RoPE base 10,000 and no scaling, a head is hidden_size / heads wide, 27B is told by its number of layers.
 * @param tensors Of the same file: the embedding gives the size of the vocabulary.
 * @throws GgufError naming the architecture that is not known, or the key that is missing, cannot be, or would change
 * the result and is not followed.
 */
export function ggufConfig(
  metadata: Metadata,
  tensors: ReadonlyMap<string, GgufTensor>,
  file = 'metadata',
): Record<string, unknown> {
  const architecture = architectureOf(metadata, file);
  const fields = fieldsOf(withLlamaKeys(metadata, tensors.keys()), architecture, file);
  const { size } = fields;
  const layers = layerCount(fields);
  const hidden = size('embedding_length');
  const heads = size('attention.head_count');
  const embedding = tensors.get('token_embd.weight');
  if (embedding?.shape.length !== 2 || embedding.shape[1] !== hidden) {
    const is = embedding ? `is [${embedding.shape.join(', ')}]` : 'is missing';
    const why = `${is}, where a vocabulary of rows of ${hidden} is expected`;
    throw new GgufError('tensor', why, file, { tensor: 'token_embd.weight' });
  }
  const headDim = size('attention.key_length', Math.floor(hidden / heads));
  refuseUnfollowed(fields, architecture, headDim);
  const sliding = slidingLayers(fields, architecture, layers);
  const widthOf27B = Math.floor(hidden / heads);
  const common = {
    architectures: [architecture === 'gemma2' ? 'Gemma2ForCausalLM' : 'Gemma3ForCausalLM'],
    attention_bias: false,
    attention_dropout: 0,
    ...tokenIds(metadata),
    head_dim: headDim,
    hidden_activation: 'gelu_pytorch_tanh',
    hidden_size: hidden,
    intermediate_size: size('feed_forward_length'),
    layer_types: sliding.layers.map((slides) => (slides ? 'sliding_attention' : 'full_attention')),
    ...(fields.raw('context_length') === undefined ? {} : { max_position_embeddings: size('context_length') }),
    num_attention_heads: heads,
    num_hidden_layers: layers,
    num_key_value_heads: size('attention.head_count_kv', heads),
    query_pre_attn_scalar: layers === LAYERS_27B[architecture] ? widthOf27B : headDim,
    rms_norm_eps: float(fields, 'attention.layer_norm_rms_epsilon'),
    ...(sliding.window ? { sliding_window: sliding.window } : {}),
    tie_word_embeddings: !tensors.has('output.weight'),
    vocab_size: embedding.shape[0],
  };
  return architecture === 'gemma2' ? gemma2Config(common, fields) : gemma3Config(common, fields);
}

function gemma2Config(common: Record<string, unknown>, fields: Fields): Record<string, unknown> {
  const { fail } = fields;
  const base = baseOf(fields, 'rope.freq_base', 10000);
  const factor = scalingFactor(fields);
  if (factor !== 1) fail('rope.scaling.factor', `is ${factor}: RoPE scaling of a Gemma 2 is not known here`);
  const local = baseOf(fields, 'rope.freq_base_swa', base);
  if (local !== base)
    fail('rope.freq_base_swa', `is ${local}: another base in window layers is not known of a Gemma 2`);
  return {
    ...common,
    attn_logit_softcapping: float(fields, 'attn_logit_softcapping', 50) || null,
    final_logit_softcapping: float(fields, 'final_logit_softcapping', 30) || null,
    model_type: 'gemma2',
    rope_parameters: { rope_theta: base, rope_type: 'default' },
  };
}

function gemma3Config(common: Record<string, unknown>, fields: Fields): Record<string, unknown> {
  const factor = scalingFactor(fields);
  const scaling = factor === 1 ? { rope_type: 'default' } : { factor, rope_type: 'linear' };
  return {
    ...common,
    attn_logit_softcapping: null,
    final_logit_softcapping: float(fields, 'final_logit_softcapping', 0) || null,
    model_type: 'gemma3_text',
    rope_parameters: {
      full_attention: { ...scaling, rope_theta: baseOf(fields, 'rope.freq_base', 10000) },
      sliding_attention: { rope_theta: baseOf(fields, 'rope.freq_base_swa', 10000), rope_type: 'default' },
    },
    use_bidirectional_attention: false,
  };
}

function baseOf(fields: Fields, key: string, fallback: number): number {
  const base = float(fields, key, fallback);
  return base > 0 ? base : fields.fail(key, `is ${base}, not above 0`);
}

/** The factor by which positions are divided; of two spellings the newer counts. */
function scalingFactor(fields: Fields): number {
  const type = fields.text('rope.scaling.type', 'linear');
  if (type !== 'linear' && type !== 'none') {
    fields.fail('rope.scaling.type', `is ${shown(type)}; "linear" and "none" are known here`);
  }
  const key = fields.raw('rope.scaling.factor') === undefined ? 'rope.scale_linear' : 'rope.scaling.factor';
  const factor = float(fields, key, 0);
  if (factor < 0) fields.fail(key, `is ${factor}, not above 0`);
  return type === 'none' || factor === 0 ? 1 : factor;
}

/** The window and which layers have it: the last of each `pattern` layers is full, or what a list says of each layer. */
function slidingLayers(fields: Fields, architecture: Architecture, layers: number) {
  const window = fields.number('attention.sliding_window', architecture === 'gemma2' ? 4096 : 0);
  if (!Number.isInteger(window) || window < 0 || window > 2 ** 24) {
    fields.fail('attention.sliding_window', `is ${window}, not a number of tokens`);
  }
  const key = 'attention.sliding_window_pattern';
  const pattern = fields.raw(key) ?? (architecture === 'gemma2' ? 2 : 6);
  if (window === 0) return { window, layers: Array.from({ length: layers }, () => false) };
  if (pattern instanceof Uint8Array || pattern instanceof Int32Array || pattern instanceof Uint32Array) {
    if (pattern.length !== layers) fields.fail(key, `has ${pattern.length} entries for ${layers} layers`);
    return { window, layers: Array.from(pattern, (slides) => slides !== 0) };
  }
  if (typeof pattern !== 'number' || !Number.isInteger(pattern) || pattern < 0) {
    return fields.fail(key, `is ${shown(pattern)}, neither a number of layers nor a list of them`);
  }
  const slides = (_: unknown, layer: number) => pattern === 0 || layer % pattern < pattern - 1;
  return { window, layers: Array.from({ length: layers }, slides) };
}

/** Keys that would change the result, which is not followed: each must be absent or say what is done anyway. */
function refuseUnfollowed(fields: Fields, architecture: Architecture, headDim: number): void {
  const allowed: Record<string, number | boolean> = {
    'attention.value_length': headDim,
    'attention.key_length_swa': headDim,
    'attention.value_length_swa': headDim,
    'rope.dimension_count': headDim,
    'rope.dimension_count_swa': headDim,
    'rope.scaling.attn_factor': 1,
    'attention.causal': true,
    'attention.clamp_kqv': 0,
    expert_count: 0,
    ...(architecture === 'gemma3' ? { attn_logit_softcapping: 0 } : {}),
  };
  for (const [key, value] of Object.entries(allowed)) {
    const is = fields.raw(key);
    if (is !== undefined && is !== value) {
      fields.fail(key, `is ${shown(is)}, which would change the result: only ${value} is known here`);
    }
  }
}

/** Ids that the tokenizer's metadata names, where it does. */
function tokenIds(metadata: Metadata): Record<string, number> {
  const ids: Record<string, number> = {};
  for (const [key, name] of [
    ['bos_token_id', 'bos_token_id'],
    ['eos_token_id', 'eos_token_id'],
    ['pad_token_id', 'padding_token_id'],
  ]) {
    const id = metadata.get(`tokenizer.ggml.${name}`);
    if (typeof id === 'number') ids[key] = id;
  }
  return ids;
}

/** A float32 of the file as the shortest decimal that is the same: 9.999999974752427e-7 was written as 1e-6. */
function float(fields: Fields, key: string, fallback?: number): number {
  const value = fields.number(key, fallback);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}
