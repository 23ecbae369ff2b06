/** @file The fields of a config.json, read one by one: what nobody reads and could change the arithmetic is refused by name. */

import type { DecoderConfig, RopeShape } from './config.js';
import { DecoderError } from './error.js';
import type { ProblemType } from './loss.js';

/** Far more than any model has: a file that says more is damaged. */
const MAX_LAYERS = 1000;

const PROBLEM_TYPES: ProblemType[] = ['regression', 'single_label_classification', 'multi_label_classification'];

/**
 * Fields that change nothing in the forward pass of a decoder, whatever they hold: the tokenizer's ids, generation, bookkeeping,
 * and what only takes effect while transformers itself trains. Names with a leading underscore are transformers' own notes.
 */
const HARMLESS = new Set([
  ...[
    'architectures',
    'model_type',
    'transformers_version',
    'name_or_path',
    'torchscript',
    'return_dict',
    'use_return_dict',
  ],
  ...['output_attentions', 'output_hidden_states', 'use_cache', 'cache_implementation', 'auto_map', 'custom_pipelines'],
  ...[
    'bos_token_id',
    'eos_token_id',
    'eos_token_ids',
    'sep_token_id',
    'decoder_start_token_id',
    'forced_bos_token_id',
    'forced_eos_token_id',
  ],
  ...['max_position_embeddings', 'initializer_range', 'attention_dropout', 'tie_word_embeddings'],
  ...['label2id', 'finetuning_task', 'task_specific_params', 'tokenizer_class', 'prefix', 'chunk_size_feed_forward'],
  ...['max_length', 'min_length', 'do_sample', 'early_stopping', 'num_beams', 'num_beam_groups', 'diversity_penalty'],
  ...['temperature', 'top_k', 'top_p', 'typical_p', 'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size'],
  ...[
    'encoder_no_repeat_ngram_size',
    'bad_words_ids',
    'num_return_sequences',
    'output_scores',
    'return_dict_in_generate',
  ],
  ...['exponential_decay_length_penalty', 'suppress_tokens', 'begin_suppress_tokens', 'remove_invalid_values'],
  ...['is_decoder', 'tf_legacy_loss', 'use_bfloat16', 'unsloth_version', 'unsloth_fixed'],
  ...['pretraining_tp', 'attn_implementation', 'attention_implementation', 'gradient_checkpointing', 'hybrid_cache'],
]);

/** Reads values of one config.json; every read field counts as known. */
export interface ConfigFields {
  fail(message: string): never;
  /** Whether the file says null, which is not the same as saying nothing. */
  isNull(field: string): boolean;
  /** A value as it stands, undefined for null. */
  raw<T = unknown>(field: string): T | undefined;
  number(field: string, fallback?: number): number;
  /** A whole number from 1 to 2^24. */
  size(field: string, fallback?: number): number;
  /** A number, or 0 where the file says null. */
  numberOrNone(field: string, fallback: number): number;
  /** The field must be absent or one of these values: another would change the arithmetic. null stands for false. */
  only(field: string, ...allowed: unknown[]): void;
  /** Refuses what was not read, is not known to be harmless, and is in use: neither null, false, 0 nor empty. */
  finish(): void;
}

/** A value for a message, cut where it is long. */
function shown(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'missing');
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** null, false, 0, an empty text, list or table: what a field holds that is not in use. */
function isNothing(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? !Object.keys(value).length : !value;
}

/** The fields of a parsed config.json; `path` is for messages. */
export function configFields(json: Record<string, unknown>, path: string): ConfigFields {
  const known = new Set<string>();
  const fail = (message: string): never => {
    throw new DecoderError('config', `${path}: ${message}`);
  };
  const raw = <T>(field: string) => {
    known.add(field);
    return (json[field] ?? undefined) as T | undefined;
  };
  const number = (field: string, fallback?: number): number => {
    if (json[field] === null)
      fail(`${field} is null, a number is expected; left out it would be ${fallback ?? 'missed'}`);
    const value = raw(field) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) fail(`${field} is ${shown(value)}, not a number`);
    return value as number;
  };
  const isNull = (field: string) => {
    known.add(field);
    return json[field] === null;
  };
  return {
    fail,
    isNull,
    raw,
    number,
    size(field, fallback) {
      const value = number(field, fallback);
      if (!Number.isInteger(value) || value < 1 || value > 2 ** 24) fail(`${field} is ${value}, not a size`);
      return value;
    },
    numberOrNone: (field, fallback) => (isNull(field) ? 0 : number(field, fallback)),
    only(field, ...allowed) {
      known.add(field);
      const value = json[field];
      if (value === undefined || allowed.includes(value)) return;
      // null counts as false where Python asks `if config.field:`
      if (value === null && (allowed.includes(false) || typeof allowed[0] !== 'boolean')) return;
      const expected = allowed.map((one) => JSON.stringify(one)).join(' or ');
      fail(`${field} is ${shown(value)}, which would change the result: only ${expected} is known here`);
    },
    finish() {
      for (const [field, value] of Object.entries(json)) {
        if (known.has(field) || HARMLESS.has(field) || field.startsWith('_')) continue;
        if (isNothing(value)) continue;
        fail(`${field} is ${shown(value)}, which is not known here and may change the result`);
      }
    },
  };
}

/** The fields that every family spells alike: widths, labels, types. Layers, embedding scale and caps are the family's. */
export function commonConfig(
  fields: ConfigFields,
  defaults: Partial<Pick<DecoderConfig, 'vocabSize' | 'hiddenSize' | 'intermediateSize'>> = {},
): Omit<DecoderConfig, 'modelType' | 'embeddingScale' | 'layers'> {
  const { raw, number, size, fail } = fields;
  const id2label = object(fields, 'id2label');
  const labels = id2label && (Object.keys(id2label).length || fail('id2label is empty'));
  const numLabels = labels ?? size('num_labels', 2);
  if (labels !== undefined) raw('num_labels');
  const dtype = (raw('dtype') ?? raw('torch_dtype') ?? 'float32') as DecoderConfig['dtype'];
  raw('torch_dtype');
  if (!['float32', 'bfloat16', 'float16'].includes(dtype)) fail(`dtype ${dtype} is not float32, bfloat16 or float16`);
  const problemType = raw<ProblemType>('problem_type');
  if (problemType && !PROBLEM_TYPES.includes(problemType)) {
    fail(`problem_type ${JSON.stringify(problemType)} is none of ${PROBLEM_TYPES.join(', ')}`);
  }
  return {
    vocabSize: size('vocab_size', defaults.vocabSize),
    hiddenSize: size('hidden_size', defaults.hiddenSize),
    intermediateSize: size('intermediate_size', defaults.intermediateSize),
    rmsNormEps: number('rms_norm_eps', 1e-6),
    finalLogitSoftcapping: 0,
    padTokenId: fields.isNull('pad_token_id') ? -1 : number('pad_token_id', 0),
    numLabels,
    problemType,
    dtype,
    skipModules: skippedModules(fields),
    ...(fields.raw('quantization_config') === undefined ? {} : { quantized: true }),
  };
}

/** What a family's absent keys mean; a key without a default must be there. */
interface HeadDefaults {
  numLayers?: number;
  heads?: number;
  keyValueHeads?: number;
  headDim: number;
}

/** Heads, their width and the number of layers, checked against each other. */
export function headCounts(fields: ConfigFields, defaults: HeadDefaults) {
  const numLayers = fields.size('num_hidden_layers', defaults.numLayers);
  if (numLayers > MAX_LAYERS) fields.fail(`num_hidden_layers is ${numLayers}, at most ${MAX_LAYERS} are taken`);
  const heads = fields.size('num_attention_heads', defaults.heads);
  const keyValueHeads = fields.size('num_key_value_heads', defaults.keyValueHeads);
  if (heads % keyValueHeads) {
    fields.fail(`num_attention_heads ${heads} is no multiple of num_key_value_heads ${keyValueHeads}`);
  }
  const headDim = fields.size('head_dim', defaults.headDim);
  if (headDim % 2) fields.fail(`head_dim ${headDim} is odd`);
  return { numLayers, heads, keyValueHeads, headDim };
}

const LAYER_TYPES = ['sliding_attention', 'full_attention'];

/** Whether each layer sees only the window: what layer_types says, else `otherwise` by the layer's index. */
export function slidingLayers(
  fields: ConfigFields,
  numLayers: number,
  otherwise: (layer: number) => boolean,
): boolean[] {
  const types = fields.raw<string[]>('layer_types');
  if (!types) return Array.from({ length: numLayers }, (_, i) => otherwise(i));
  if (!Array.isArray(types)) fields.fail(`layer_types is ${shown(types)}, not a list`);
  if (types.length !== numLayers) fields.fail(`layer_types has ${types.length} entries for ${numLayers} layers`);
  const unknown = types.find((type) => !LAYER_TYPES.includes(type));
  if (unknown !== undefined) {
    fields.fail(`layer_types has ${shown(unknown)}: ${LAYER_TYPES.join(' and ')} are known`);
  }
  return types.map((type) => type === 'sliding_attention');
}

/** The window of layers that slide; a model without them needs none. */
export function windowSize(fields: ConfigFields, sliding: boolean[], fallback: number): number {
  if (sliding.includes(true)) return fields.size('sliding_window', fallback);
  fields.raw('sliding_window');
  return 0;
}

/**
 * RoPE of a kind of layers.
 * @param name Of the table, for messages.
 * @param given What the file says: `rope_theta`, `rope_type` (or `type`, as transformers 4 wrote it), `factor`.
 */
export function ropeShape(fields: ConfigFields, name: string, given: unknown, thetaFallback: number): RopeShape {
  const { rope_theta, rope_type, type, factor, ...rest } = (given ?? {}) as Record<string, unknown>;
  const kind = rope_type ?? type ?? 'default';
  if (kind !== 'default' && kind !== 'linear')
    fields.fail(`${name} has rope_type ${shown(kind)}, which is not known: default and linear are`);
  const odd = Object.keys(rest).find((key) => rest[key] !== null);
  if (odd) fields.fail(`${name} has ${odd}, which is not known here and may change the result`);
  const positive = (key: string, value: unknown) => {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return fields.fail(`${name} has ${key} ${shown(value)}, not a positive number`);
  };
  if (kind === 'default' && (factor ?? 1) !== 1)
    fields.fail(`${name} has factor ${shown(factor)} with rope_type default`);
  return {
    theta: positive('rope_theta', rope_theta ?? thetaFallback),
    factor: kind === 'linear' ? positive('factor', factor) : 1,
    frequencyDtype: 'float32',
  };
}

/** A field that holds an object where it is given. */
export function object(fields: ConfigFields, field: string): Record<string, unknown> | undefined {
  const value = fields.raw(field);
  if (value && (typeof value !== 'object' || Array.isArray(value))) {
    fields.fail(`${field} is ${shown(value)}, not an object`);
  }
  return value as Record<string, unknown> | undefined;
}

function skippedModules(fields: ConfigFields): string[] | undefined {
  const quantization = object(fields, 'quantization_config');
  const skipped = quantization?.llm_int8_skip_modules as string[] | null | undefined;
  if (skipped && !(Array.isArray(skipped) && skipped.every((name) => typeof name === 'string'))) {
    fields.fail(`llm_int8_skip_modules is ${JSON.stringify(skipped)}, not a list of names`);
  }
  if (quantization && (quantization.quant_method !== 'bitsandbytes' || quantization.load_in_4bit !== true)) {
    fields.fail(
      `quantization_config of ${JSON.stringify(quantization.quant_method)}: only bitsandbytes 4-bit is known`,
    );
  }
  return skipped ?? undefined;
}
