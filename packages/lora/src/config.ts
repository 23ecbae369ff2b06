/** @file PEFT's LoraConfig as its adapter_config.json holds it (peft/tuners/lora/config.py), in PEFT's own names. */

import { parsePythonJson, pythonJson } from '@arena/safetensors/json';
import { CONSTANT_FIELDS, checkFields, checkUnread, isEmpty } from './config-rules.js';
import { LoraError } from './error.js';

/** The fields of adapter_config.json that define a LoRA adapter. */
export interface LoraConfig {
  r: number;
  lora_alpha: number;
  lora_dropout: number;
  /** Module names by suffix, a regular expression of Python's over the whole path, or `all-linear`. */
  target_modules: string[] | string;
  exclude_modules: string[] | string | null;
  /** Layers that get adapters; null means all. The others are frozen like the rest of the base. */
  layers_to_transform: number[] | null;
  /** Name of the list of layers in module paths, such as `layers`; null takes any `.<word>.<int>.`. */
  layers_pattern: string[] | string | null;
  rank_pattern: Record<string, number>;
  alpha_pattern: Record<string, number>;
  use_rslora: boolean;
  /** How the adapter was drawn. `eva` and `orthogonal` are read, and not drawn here. */
  init_lora_weights: boolean | 'gaussian' | 'eva' | 'orthogonal';
  modules_to_save: string[] | null;
  task_type: string | null;
  base_model_name_or_path: string | null;
  revision: string | null;
}

/** PEFT's targets for Gemma 2 and 3 when none are named. */
const GEMMA_DEFAULT_TARGETS = ['q_proj', 'v_proj'];

/**
 * Fills in PEFT's defaults and checks the values.
 * @throws LoraError naming a field that is wrong, unknown, or asks for an unsupported kind of adapter.
 * @example
 * const config = loraConfig({ r: 16, lora_alpha: 32, target_modules: ['q_proj', 'k_proj', 'v_proj'] });
 */
export function loraConfig(fields: Partial<LoraConfig> = {}): LoraConfig {
  const config: LoraConfig = {
    r: 8,
    lora_alpha: 8,
    lora_dropout: 0,
    target_modules: GEMMA_DEFAULT_TARGETS,
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
  const read = new Set(Object.keys(config));
  for (const field of Object.keys(fields)) {
    if (!read.has(field) && !(field in CONSTANT_FIELDS))
      throw new LoraError('config', `LoRA configuration: there is no field ${field}`);
  }
  checkUnread(fields, read);
  for (const [field, value] of Object.entries(given(fields))) config[field as keyof LoraConfig] = value as never;
  checkFields(config);
  return config;
}

/** Fields for which an empty value is none: PEFT asks `if config.exclude_modules:`. null stands for all of them. */
const EMPTY_IS_NULL = ['exclude_modules', 'layers_to_transform', 'layers_pattern', 'task_type', 'revision'] as const;

/** The fields that say something. @throws nothing: what they say is checked later. */
function given(fields: Partial<LoraConfig>): Partial<LoraConfig> {
  const found: Record<string, unknown> = Object.fromEntries(
    Object.entries(fields).filter(([field, value]) => value !== undefined && !(field in CONSTANT_FIELDS)),
  );
  for (const field of EMPTY_IS_NULL) {
    const value = found[field];
    if (value === '' || (Array.isArray(value) && !value.length)) found[field] = null;
  }
  for (const field of ['rank_pattern', 'alpha_pattern', 'use_rslora', 'lora_dropout'] as const)
    if (isEmpty(found[field])) delete found[field];
  const { init_lora_weights: init, layers_to_transform: layers } = found;
  if (init === null) delete found.init_lora_weights;
  if (typeof init === 'string' && init.toLowerCase() === 'gaussian') found.init_lora_weights = 'gaussian';
  if (typeof layers === 'number') found.layers_to_transform = [layers];
  return found;
}

/**
 * Reads an adapter_config.json. Fields that it does not name have PEFT's defaults.
 * @throws LoraError when a field is wrong or asks for an unsupported kind of adapter.
 */
export function parseLoraConfig(text: string, path = 'adapter_config.json'): LoraConfig {
  let raw: Record<string, unknown>;
  try {
    raw = parsePythonJson(text) as Record<string, unknown>;
  } catch (error) {
    throw new LoraError('config', `${path}: not JSON (${(error as Error).message})`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw new LoraError('config', `${path}: not a JSON object`);
  const read = Object.keys(loraConfig()) as (keyof LoraConfig)[];
  try {
    checkUnread(raw, new Set(read));
    // what PEFT's own default is for, where the file says null or nothing at all
    const isDefault = (key: keyof LoraConfig) =>
      raw[key] === undefined ||
      (raw[key] === null && key === 'target_modules') ||
      (key === 'modules_to_save' && isEmpty(raw[key]));
    return loraConfig(Object.fromEntries(read.filter((key) => !isDefault(key)).map((key) => [key, raw[key]])));
  } catch (error) {
    throw new LoraError('config', `${path}: ${(error as Error).message}`);
  }
}

/** The text of adapter_config.json, as PEFT's `json.dumps(indent=2, sort_keys=True)` writes it. */
export function formatLoraConfig(config: LoraConfig): string {
  const all: Record<string, unknown> = { ...CONSTANT_FIELDS, ...config };
  return pythonJson(all, new Set(['lora_dropout']));
}
