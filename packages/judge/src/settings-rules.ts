/** @file Rules for each setting: one table for the JSON Schema, the checks and the command's flags. */
import { COLUMNS } from '@arena/data/read';
import { RECIPES } from './recipes/list.js';
import type { TrainingSettings } from './settings.js';

/** Rule for a value, in the terms of JSON Schema. */
export type Rule = { description?: string } & (
  | { type: 'integer' | 'number'; minimum: number; maximum?: number }
  | { type: 'string' | 'boolean' }
  | { enum: readonly string[] }
  | { type: 'array'; items: { type: 'string' }; minItems: 1 }
  | { type: 'object'; properties: Record<string, Rule>; additionalProperties: false }
);

const KEEP_OR_DROP = { enum: ['drop', 'keep'] } as const;

/** Every setting. */
export const RULES = {
  base: { type: 'string', description: 'What the base is called: a hub id, a folder, an address.' },
  data: {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    description: 'What the votes are called: file names.',
  },
  hubBase: {
    type: 'string',
    description: 'A base on the hub with the commit that the run used; the run notes it.',
  },
  hubData: {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    description: 'Data sets on the hub with the commits that the run read; the run notes them.',
  },
  computedOn: {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    description: 'What computed the run, in turn: engine, threads, library and precision; the run notes it.',
  },
  recipe: {
    enum: RECIPES.map(({ name }) => name),
    description: 'Settings that runs showed to be good, in place of the defaults.',
  },
  loss: {
    enum: ['cross-entropy', 'bradley-terry'],
    description: 'A classifier that sees both answers, or a reward model that scores each alone.',
  },
  classes: { type: 'integer', minimum: 2, maximum: 3, description: 'With cross entropy: A and B, or A, B and tie.' },
  ties: {
    enum: ['drop', 'half'],
    description: 'Ties with two classes or Bradley-Terry: left out, or half of each.',
  },
  clean: {
    type: 'object',
    properties: {
      unlabeled: KEEP_OR_DROP,
      bothEmpty: KEEP_OR_DROP,
      oneEmpty: KEEP_OR_DROP,
      nullTurn: KEEP_OR_DROP,
      identical: KEEP_OR_DROP,
      duplicate: KEEP_OR_DROP,
      swappedDuplicate: KEEP_OR_DROP,
      nonText: { enum: ['reject', 'leave-out'] },
      unreadable: { enum: ['skip', 'stop'] },
      maxChars: { type: 'integer', minimum: 1 },
    },
    additionalProperties: false,
    description: 'What happens to each kind of battle that may teach the wrong thing.',
  },
  columns: {
    type: 'object',
    properties: Object.fromEntries(COLUMNS.map((name) => [name, { type: 'string' } as const])),
    additionalProperties: false,
    description: 'What the columns of the votes are called, where the file has other names.',
  },
  winnerValues: {
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'string' }, tie: { type: 'string' } },
    additionalProperties: false,
    description: 'The values that stand for A, B and a tie in the column of the votes.',
  },
  labelSmoothing: {
    type: 'number',
    minimum: 0,
    maximum: 0.99,
    description: 'Share of every target that is spread over the classes.',
  },
  softLabels: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    description: "Share of a battle's soft label (a teacher's probabilities) in its target.",
  },
  maxTokens: { type: 'integer', minimum: 16, description: 'Tokens of the longest packed battle.' },
  frame: {
    enum: ['chat', 'compact'],
    description: "Text around the fields: Gemma's chat turns, or few tokens for small models.",
  },
  layers: {
    type: 'integer',
    minimum: 1,
    description: 'First layers of the base, as many as this, in place of all: a smaller and faster judge.',
  },
  rank: { type: 'integer', minimum: 1, description: 'LoRA rank.' },
  alpha: { type: 'number', minimum: 0, description: 'LoRA alpha.' },
  dropout: { type: 'number', minimum: 0, maximum: 0.99, description: 'LoRA dropout.' },
  targets: {
    type: 'array',
    items: { type: 'string' },
    minItems: 1,
    description: 'Linear modules that get adapters.',
  },
  firstLayer: { type: 'integer', minimum: 0, description: 'Layers below have no adapters.' },
  epochs: { type: 'number', minimum: 0.001, description: 'Passes over the training part.' },
  batchSize: { type: 'integer', minimum: 1, description: 'Battles of a batch.' },
  tokensPerBatch: { type: 'integer', minimum: 16, description: 'Tokens of a batch, in place of batchSize.' },
  accumulation: { type: 'integer', minimum: 1, description: 'Batches of an optimizer step.' },
  optimizer: {
    enum: ['adamw', 'adamw-8bit'],
    description: 'AdamW, or with the moments of larger tensors in 8 bits, as bitsandbytes keeps them.',
  },
  learningRate: { type: 'number', minimum: 0, description: 'Peak learning rate.' },
  schedule: {
    enum: ['linear', 'cosine', 'constant', 'constant_with_warmup'],
    description: 'Learning-rate schedule.',
  },
  warmup: { type: 'number', minimum: 0, description: 'Steps of warm-up, or a share of all steps below 1.' },
  weightDecay: { type: 'number', minimum: 0, description: "AdamW's weight decay." },
  maxGradNorm: { type: 'number', minimum: 0, description: 'Gradients are clipped to this norm; 0: never.' },
  seed: {
    type: 'integer',
    minimum: 0,
    maximum: 2 ** 32 - 1,
    description: 'Seed of split, order, adapter and dropout.',
  },
  maxSteps: { type: 'integer', minimum: 1, description: 'Optimizer steps after which the run ends.' },
  quantize: {
    enum: ['auto', 'nf4', 'none', 'stored'],
    description:
      "The base's linears: in NF4, in float, or as they are stored. auto: as stored in 4 bits or blocks, else NF4.",
  },
  doubleQuant: { type: 'boolean', description: 'NF4 with double quantisation.' },
  headStd: { type: 'number', minimum: 0, description: 'Standard deviation of a new head.' },
  loraPlus: {
    type: 'number',
    minimum: 0,
    description: 'B of the adapters learns this many times as fast as A (LoRA+).',
  },
  headRate: { type: 'number', minimum: 0, description: 'The head learns this many times as fast as A.' },
  evalEvery: {
    type: 'number',
    minimum: 0.001,
    description:
      'Steps between two measurements of the validation part, or a share of all steps below 1; the run ends with the best weights.',
  },
  swapAugment: { type: 'boolean', description: 'Train on each battle also with A and B exchanged.' },
  style: {
    enum: ['none', 'stack', 'offset'],
    description:
      "What the answers' style says of a vote (length, lines, lists, code): not used, joined to the trained judge where validation votes say so, or held fixed in the loss.",
  },
  metric: { enum: ['loss', 'accuracy'], description: 'What decides which weights are best.' },
  patience: {
    type: 'integer',
    minimum: 1,
    description: 'Measurements without an improvement until the run stops; needs evalEvery.',
  },
} as const satisfies Record<keyof TrainingSettings, Rule>;

/** Whether a value satisfies its rule. */
export function fits(value: unknown, rule: Rule): boolean {
  if ('enum' in rule) return rule.enum.includes(value as string);
  switch (rule.type) {
    case 'integer':
    case 'number': {
      const { type, minimum, maximum = Number.POSITIVE_INFINITY } = rule;
      const isNumber = type === 'integer' ? Number.isInteger(value) : Number.isFinite(value);
      return isNumber && (value as number) >= minimum && (value as number) <= maximum;
    }
    case 'array':
      return Array.isArray(value) && value.length > 0 && value.every((item) => fits(item, rule.items));
    case 'object':
      return (
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(([key, own]) => {
          return own === undefined || (Object.hasOwn(rule.properties, key) && fits(own, rule.properties[key]));
        })
      );
    default:
      return typeof value === rule.type;
  }
}

/** A rule in words. */
export function expected(rule: Rule): string {
  if ('enum' in rule) return rule.enum.map((one) => `'${one}'`).join(' or ');
  switch (rule.type) {
    case 'integer':
    case 'number': {
      const { type, minimum, maximum } = rule;
      return `a ${type === 'integer' ? 'whole ' : ''}number from ${minimum}${maximum === undefined ? '' : ` to ${maximum}`}`;
    }
    case 'array':
      return 'a list of words';
    case 'object':
      return `an object of ${Object.keys(rule.properties).join(', ')}`;
    case 'boolean':
      return 'true or false';
    default:
      return 'a text';
  }
}
