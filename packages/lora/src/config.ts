/** @file PEFT's LoraConfig as its adapter_config.json holds it (peft/tuners/lora/config.py), in PEFT's own names. */

import { pythonJson } from '@arena/safetensors/json';
import { LoraError } from './error.js';

/** The fields of adapter_config.json that define a LoRA adapter. */
export interface LoraConfig {
  r: number;
  lora_alpha: number;
  lora_dropout: number;
  /** Module names by suffix, a regular expression over the whole path, or `all-linear`. */
  target_modules: string[] | string;
  exclude_modules: string[] | string | null;
  /** Layers that get adapters; null means all. The others are frozen like the rest of the base. */
  layers_to_transform: number[] | null;
  /** Name of the list of layers in module paths, such as `layers`; null takes any `.<word>.<int>.`. */
  layers_pattern: string[] | string | null;
  rank_pattern: Record<string, number>;
  alpha_pattern: Record<string, number>;
  use_rslora: boolean;
  init_lora_weights: boolean | 'gaussian';
  modules_to_save: string[] | null;
  task_type: string | null;
  base_model_name_or_path: string | null;
  revision: string | null;
}

/** PEFT's targets for Gemma 2 when none are named. */
const GEMMA2_DEFAULT_TARGETS = ['q_proj', 'v_proj'];

/** Further fields that PEFT 0.21 writes. Readers of other versions ignore unknown ones. */
const CONSTANT_FIELDS = {
  alora_invocation_tokens: null,
  arrow_config: null,
  auto_mapping: null,
  bias: 'none',
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  fan_in_fan_out: false,
  inference_mode: true,
  kasa_config: null,
  layer_replication: null,
  loftq_config: {},
  lora_bias: false,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  monteclora_config: null,
  peft_type: 'LORA',
  peft_version: '0.21.0',
  qalora_group_size: 16,
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_dora: false,
  use_qalora: false,
  velora_config: null,
};

// Fields that change the computation, with the only supported values.
const REQUIRED: [string, readonly unknown[]][] = [
  ['peft_type', ['LORA']],
  ['bias', ['none']],
  ['fan_in_fan_out', [false]],
  ['lora_bias', [false]],
  ['use_dora', [false]],
  ['use_qalora', [false]],
  ['layer_replication', [null]],
  ['target_parameters', [null]],
  ['trainable_token_indices', [null]],
];

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
/** A valid regular expression, as part of a larger one. */
const isPattern: Check = (value) => {
  try {
    new RegExp(`^(?:${value})$`);
    return typeof value === 'string';
  } catch {
    return false;
  }
};
const isPatterns: Check = (value) => Array.isArray(value) && value.every(isPattern);
const isTable =
  (check: Check): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([pattern, number]) => isPattern(pattern) && check(number));

/** The types of the other fields. */
const FIELDS: [keyof LoraConfig, Check, string][] = [
  ['target_modules', (value) => isStrings(value) || isPattern(value), 'a list of names, or a regular expression'],
  [
    'exclude_modules',
    orNull((value) => isStrings(value) || isPattern(value)),
    'a list of names, a regular expression or null',
  ],
  [
    'layers_to_transform',
    orNull((value) => Array.isArray(value) && value.every(Number.isInteger)),
    'a list of layer numbers or null',
  ],
  ['layers_pattern', orNull((value) => isPatterns(value) || isPattern(value)), 'a name, a list of names or null'],
  [
    'rank_pattern',
    isTable((rank) => Number.isInteger(rank) && (rank as number) >= 1),
    'ranks of at least 1 by regular expressions',
  ],
  ['alpha_pattern', isTable(Number.isFinite), 'numbers by regular expressions'],
  ['use_rslora', (value) => typeof value === 'boolean', 'true or false'],
  ['modules_to_save', orNull(isStrings), 'a list of names or null'],
  ['task_type', orNull(isString), 'a text or null'],
  ['base_model_name_or_path', orNull(isString), 'a text or null'],
  ['revision', orNull(isString), 'a text or null'],
];

/**
 * Fills in PEFT's defaults and checks the values.
 * @throws LoraError naming a field that is wrong, unknown, or asks for an unsupported kind of adapter.
 * @example
 * const config = loraConfig({ r: 16, lora_alpha: 32, target_modules: ['q_proj', 'k_proj', 'v_proj'] });
 */
export function loraConfig(fields: Partial<LoraConfig> = {}): LoraConfig {
  checkForm(fields);
  const config: LoraConfig = {
    r: 8,
    lora_alpha: 8,
    lora_dropout: 0,
    target_modules: GEMMA2_DEFAULT_TARGETS,
    exclude_modules: null,
    layers_to_transform: null,
    layers_pattern: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_rslora: false,
    init_lora_weights: true,
    modules_to_save: ['classifier', 'score'],
    task_type: 'SEQ_CLS',
    base_model_name_or_path: null,
    revision: null,
  };
  for (const [field, value] of Object.entries(fields)) {
    if (field in config) {
      if (value !== undefined) config[field as keyof LoraConfig] = value as never;
    } else if (!(field in CONSTANT_FIELDS))
      throw new LoraError('config', `LoRA configuration: there is no field ${field}`);
  }
  const fail = (field: keyof LoraConfig, want: string): never => {
    throw new LoraError('config', `LoRA configuration: ${field} is ${JSON.stringify(config[field])}, expected ${want}`);
  };
  if (!Number.isInteger(config.r) || config.r < 1) fail('r', 'an integer of at least 1');
  if (!Number.isFinite(config.lora_alpha)) fail('lora_alpha', 'a number');
  if (!(config.lora_dropout >= 0 && config.lora_dropout < 1)) fail('lora_dropout', 'a number in [0, 1)');
  if (typeof config.target_modules === 'string' && config.layers_to_transform !== null) {
    fail('layers_to_transform', 'null when target_modules is one string (PEFT ignores it there): list the suffixes');
  }
  if (config.layers_pattern !== null && config.layers_to_transform === null) {
    fail('layers_pattern', 'null unless layers_to_transform is given');
  }
  for (const [field, fits, want] of FIELDS) if (!fits(config[field])) fail(field, want);
  const { init_lora_weights: init } = config;
  if (typeof init !== 'boolean' && init !== 'gaussian') {
    fail('init_lora_weights', "true, false or 'gaussian' (others need the full-precision base weight)");
  }
  return config;
}

/** @throws LoraError when a field of PEFT asks for an unsupported kind of adapter. */
function checkForm(fields: object): void {
  const given = new Map(Object.entries(fields));
  for (const [field, allowed] of REQUIRED) {
    if (!given.has(field) || allowed.includes(given.get(field))) continue;
    throw new LoraError(
      'config',
      `${field} is ${JSON.stringify(given.get(field))}, only ${JSON.stringify(allowed[0])} is known`,
    );
  }
}

/**
 * Reads an adapter_config.json.
 * @throws LoraError when a field is wrong or asks for an unsupported kind of adapter.
 */
export function parseLoraConfig(text: string, path = 'adapter_config.json'): LoraConfig {
  let raw: Record<string, unknown>;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new LoraError('config', `${path}: not JSON (${(error as Error).message})`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new LoraError('config', `${path}: not a JSON object`);
  const layers = raw.layers_to_transform;
  try {
    checkForm(raw);
    return loraConfig({
      ...pick(raw),
      layers_to_transform: typeof layers === 'number' ? [layers] : ((layers as number[] | null | undefined) ?? null),
    });
  } catch (error) {
    throw new LoraError('config', `${path}: ${(error as Error).message}`);
  }
}

function pick(raw: Record<string, unknown>): Partial<LoraConfig> {
  const defaults = loraConfig();
  const known = Object.keys(defaults) as (keyof LoraConfig)[];
  const given = known.filter((key) => raw[key] !== undefined && (raw[key] !== null || defaults[key] === null));
  return Object.fromEntries(given.map((key) => [key, raw[key]]));
}

/** The text of adapter_config.json, as PEFT's `json.dumps(indent=2, sort_keys=True)` writes it. */
export function formatLoraConfig(config: LoraConfig): string {
  const all: Record<string, unknown> = { ...CONSTANT_FIELDS, ...config };
  return pythonJson(all, new Set(['lora_dropout']));
}
