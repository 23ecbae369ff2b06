/** @file What the fields of an adapter_config.json may hold: those that are read, and those that must keep PEFT's default. */

import type { LoraConfig } from './config.js';
import { LoraError } from './error.js';
import { pythonRegex } from './python-regex/regex.js';

/** Further fields that PEFT 0.21 writes, with its defaults. Readers of other versions ignore unknown ones. */
export const CONSTANT_FIELDS: Readonly<Record<string, unknown>> = {
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

/**
 * Fields that change nothing in a trained adapter, whatever they hold: notes, and settings of what another field turns on
 * (an initialisation, Megatron's parallel layers, groups of QA-LoRA). Any other must have its default.
 */
const HARMLESS = new Set([
  'auto_mapping',
  'corda_config',
  'ensure_weight_tying',
  'eva_config',
  'inference_mode',
  'loftq_config',
  'lora_ga_config',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'runtime_config',
]);

/** As Python's `if value:` counts null, false, 0, an empty text, list or table: as not given. */
export function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return !value;
  return Object.keys(value).length === 0;
}

/** A value for a message, cut where it is long. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/**
 * Checks the fields that nobody reads.
 * @throws LoraError naming one that asks for another kind of adapter, or that may.
 */
export function checkUnread(fields: object, read: ReadonlySet<string>): void {
  for (const [field, value] of Object.entries(fields)) {
    if (read.has(field) || HARMLESS.has(field) || isEmpty(value) || value === CONSTANT_FIELDS[field]) continue;
    const known =
      field in CONSTANT_FIELDS
        ? `only ${shown(CONSTANT_FIELDS[field])} is known`
        : 'it is not known here and may change the result';
    throw new LoraError('config', `${field} is ${shown(value)}, ${known}`);
  }
}

type Check = (value: unknown) => boolean;

const isString: Check = (value) => typeof value === 'string';
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
/** A regular expression of Python's, within the one that PEFT makes of it. @throws Error saying what is wrong. */
const isPattern =
  (whole: (pattern: string) => string): Check =>
  (value) =>
    typeof value === 'string' && pythonRegex(whole(value)) !== undefined;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isTable =
  (check: Check): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([pattern, number]) => isPattern(pathEnd)(pattern) && check(number));

/** The expression that PEFT matches a path with, of a key of rank_pattern or alpha_pattern (utils/other.py get_pattern_key). */
export function pathEnd(pattern: string): string {
  return `(.*\\.)?(${pattern})$`;
}

/** The expression that finds a layer's number, of one name of layers_pattern (tuners_utils.py check_target_module_exists). */
export function layerNumber(pattern: string): string {
  return `(?:^|.*?\\.)${pattern}\\.(?P<idx>\\d+)\\.`;
}

/** The expression of the modules that modules_to_save keeps from adapters. */
export function savedModule(pattern: string): string {
  return `(^|.*\\.)${pattern}($|\\..*)`;
}

const isNames: Check = (value) => isStrings(value) || isPattern((pattern) => pattern)(value);
const isLayers: Check = (value) =>
  Array.isArray(value) ? value.every(isPattern(layerNumber)) : isPattern(layerNumber)(value);
const isSaved: Check = (value) => Array.isArray(value) && value.every(isPattern(savedModule));

/** How an adapter may be drawn. The first two are not drawn here; once trained they load as any other. */
const INITS: readonly unknown[] = ['eva', 'orthogonal', 'gaussian', true, false];

/** The fields that are read, with what each may hold. */
const FIELDS: [keyof LoraConfig, Check, string][] = [
  ['r', (value) => Number.isInteger(value) && (value as number) >= 1, 'an integer of at least 1'],
  ['lora_alpha', Number.isFinite, 'a number'],
  ['lora_dropout', (value) => (value as number) >= 0 && (value as number) < 1, 'a number in [0, 1)'],
  ['target_modules', isNames, 'a list of names, or a regular expression'],
  ['exclude_modules', orNull(isNames), 'a list of names, a regular expression or null'],
  [
    'layers_to_transform',
    orNull((value) => Array.isArray(value) && value.every(Number.isInteger)),
    'a list of layer numbers or null',
  ],
  ['layers_pattern', orNull(isLayers), 'a name, a list of names or null'],
  [
    'rank_pattern',
    isTable((rank) => Number.isInteger(rank) && (rank as number) >= 1),
    'ranks of at least 1 by regular expressions',
  ],
  ['alpha_pattern', isTable(Number.isFinite), 'numbers by regular expressions'],
  ['use_rslora', (value) => typeof value === 'boolean', 'true or false'],
  [
    'init_lora_weights',
    (value) => INITS.includes(value),
    "true, false, 'gaussian', 'eva' or 'orthogonal' (others change the base weight when they load)",
  ],
  ['modules_to_save', orNull(isSaved), 'a list of names or null'],
  ['task_type', orNull(isString), 'a text or null'],
  ['base_model_name_or_path', orNull(isString), 'a text or null'],
  ['revision', orNull(isString), 'a text or null'],
];

/** @throws LoraError naming the first field that holds what it may not. */
export function checkFields(config: LoraConfig): void {
  for (const [field, fits, want] of FIELDS) {
    const fail = (why: string): never => {
      throw new LoraError('config', `LoRA configuration: ${field} is ${shown(config[field])}, ${why}`);
    };
    let isFit = false;
    try {
      isFit = fits(config[field]);
    } catch (error) {
      fail(`which Python cannot read (${(error as Error).message})`);
    }
    if (!isFit) fail(`expected ${want}`);
  }
  const { target_modules: wanted, layers_to_transform: layers, layers_pattern: pattern } = config;
  if (typeof wanted === 'string' && layers !== null) {
    throw new LoraError(
      'config',
      `LoRA configuration: layers_to_transform is ${shown(layers)}, expected null when target_modules is one string (PEFT ignores it there): list the suffixes`,
    );
  }
  if (pattern !== null && layers === null) {
    throw new LoraError(
      'config',
      `LoRA configuration: layers_pattern is ${shown(pattern)}, expected null unless layers_to_transform is given`,
    );
  }
}
