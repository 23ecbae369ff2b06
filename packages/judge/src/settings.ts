/** @file The settings of a run: the same names, defaults and checks for the command, the page and scripts. */

import type { WinnerValues } from '@arena/data/read';
import { JudgeError } from './error.js';
import { objectiveOf } from './objectives/choose.js';
import { recipeNamed } from './recipes/list.js';
import { expected, fits, RULES } from './settings-rules.js';
import type { Cleaning } from './votes.js';

/** The settings of a run. run.json stores them, and a resumed run must have the same. */
export interface TrainingSettings {
  /** Name of the base, such as a hub id. */
  base: string;
  /** Names of the votes, such as file names. */
  data: string[];
  /** A base on the hub with the commit that the run used, `owner/name@commit`. The run notes it. */
  hubBase?: string;
  /** Data sets on the hub with the commits that the run read, `owner/name:split@commit`. The run notes them. */
  hubData?: string[];
  /** What computed the run, in turn: engine, threads, library and precision. The run notes it. */
  computedOn?: string[];
  /** The recipe that the settings began with (`@arena/judge/recipes`). */
  recipe?: string;
  /** `bradley-terry`: a reward model that sees one answer at a time. */
  loss: 'cross-entropy' | 'bradley-terry';
  /** Classes of the head with cross entropy: A, B and, with 3, tie. */
  classes: 2 | 3;
  /** Ties with two classes or Bradley-Terry. */
  ties: 'drop' | 'half';
  /** What happens to other kinds of battles. */
  clean?: Cleaning;
  /** The caller's names for the columns of the votes, such as `{ response_a: 'answer_1' }`. */
  columns?: Record<string, string>;
  /** The values that stand for A, B and a tie in the column of the votes, such as `{ a: '1', b: '0' }`. */
  winnerValues?: WinnerValues;
  /** Share of every target to spread over the classes. */
  labelSmoothing: number;
  /** Share of a battle's soft label (a teacher's probabilities) in its target. */
  softLabels: number;
  maxTokens: number;
  /** `chat`: Gemma's turns; `compact`: few tokens, for small models. */
  frame: 'chat' | 'compact';
  /** The first layers of the base, as many as this, in place of all: a smaller and faster judge. */
  layers?: number;
  rank: number;
  alpha: number;
  dropout: number;
  targets: string[];
  firstLayer: number;
  epochs: number;
  batchSize: number;
  tokensPerBatch?: number;
  accumulation: number;
  /** `adamw-8bit`: the moments of larger tensors in 8 bits, as bitsandbytes keeps them. */
  optimizer: 'adamw' | 'adamw-8bit';
  learningRate: number;
  schedule: 'linear' | 'cosine' | 'constant' | 'constant_with_warmup';
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  seed: number;
  maxSteps?: number;
  /**
   * What becomes of the base's linears: `nf4`, `none` (float) or `stored` (as the file has them). `auto`: as they are
   * stored where that is in 4 bits or in blocks of a GGUF file, else NF4.
   */
  quantize: 'auto' | 'nf4' | 'none' | 'stored';
  doubleQuant: boolean;
  /** Standard deviation of a new head. */
  headStd: number;
  /** Factor on the learning rate of the adapters' B (LoRA+). */
  loraPlus: number;
  /** Factor on the learning rate of the head. */
  headRate: number;
  /**
   * Steps between two measurements of the validation part, or a share of all steps below 1. Without it training measures
   * none.
   */
  evalEvery?: number;
  /** Train on each battle in both orders. */
  swapAugment: boolean;
  /**
   * What the answers' style (length, lines, lists, code) says of a vote: `stack` joins it to the trained judge where
   * the validation part says so; with `offset` it stands fixed in the loss, so that the model learns the rest.
   */
  style: 'none' | 'stack' | 'offset';
  /** Metric that decides which weights are best. */
  metric: 'loss' | 'accuracy';
  /** Measurements without an improvement before the run stops. */
  patience?: number;
}

/** Settings that have a default. */
export type DefaultSettings = Omit<
  TrainingSettings,
  | 'base'
  | 'data'
  | 'hubBase'
  | 'hubData'
  | 'computedOn'
  | 'recipe'
  | 'clean'
  | 'columns'
  | 'winnerValues'
  | 'layers'
  | 'tokensPerBatch'
  | 'maxSteps'
  | 'evalEvery'
  | 'patience'
>;

/**
 * The reference recipe's model and data (docs/guide/training.md). A setting without a default here is off when absent.
 */
export const DEFAULT_SETTINGS: Readonly<DefaultSettings> = {
  maxTokens: 1900,
  frame: 'chat',
  rank: 16,
  alpha: 32,
  dropout: 0.05,
  targets: ['q_proj', 'k_proj', 'v_proj'],
  firstLayer: 6,
  epochs: 1,
  batchSize: 8,
  accumulation: 1,
  learningRate: 2e-4,
  loss: 'cross-entropy',
  classes: 2,
  ties: 'drop',
  labelSmoothing: 0,
  softLabels: 0,
  optimizer: 'adamw',
  schedule: 'linear',
  warmup: 0.03,
  weightDecay: 0.01,
  maxGradNorm: 1,
  quantize: 'auto',
  doubleQuant: true,
  headStd: 0.02,
  loraPlus: 1,
  headRate: 1,
  swapAugment: false,
  style: 'stack',
  metric: 'loss',
  seed: 42,
};

/** Settings as given: those with a default are optional. In earlier versions `quantize` was a boolean. */
export type GivenSettings = Pick<TrainingSettings, 'base' | 'data'> &
  Partial<Omit<TrainingSettings, 'quantize'>> & { quantize?: TrainingSettings['quantize'] | boolean };

/** The settings in the given order, with those of their recipe and then the defaults for missing ones. */
export function completeSettings(given: GivenSettings): TrainingSettings {
  const missing = Object.entries({ ...DEFAULT_SETTINGS, ...recipeNamed(given.recipe)?.settings }).filter(
    ([key]) => given[key as keyof DefaultSettings] === undefined,
  );
  const complete = { ...given, ...(Object.fromEntries(missing) as unknown as DefaultSettings) };
  const { quantize } = complete as { quantize: TrainingSettings['quantize'] | boolean };
  return { ...complete, quantize: quantize === true ? 'auto' : quantize === false ? 'none' : quantize };
}

/**
 * Checks each setting, and settings against each other.
 * @throws JudgeError naming the setting, its value and what is expected.
 */
export function checkSettings(settings: TrainingSettings): void {
  const unknown = Object.keys(settings).find((key) => !Object.hasOwn(RULES, key));
  if (unknown !== undefined) throw new JudgeError('settings', `there is no setting '${unknown}'`);
  for (const [key, rule] of Object.entries(RULES)) {
    const value = settings[key as keyof TrainingSettings];
    if (value === undefined && !REQUIRED.includes(key) && !(key in DEFAULT_SETTINGS)) continue;
    if (!fits(value, rule)) {
      throw new JudgeError('settings', `\`${key}\` is ${JSON.stringify(value)}: ${expected(rule)} is expected`);
    }
  }
  const { warmup, patience, evalEvery, clean } = settings;
  if (warmup >= 1 && !Number.isInteger(warmup))
    throw new JudgeError(
      'settings',
      `\`warmup\` ${warmup}: a share of all steps below 1, or a whole number of steps, is expected`,
    );
  if (evalEvery && evalEvery >= 1 && !Number.isInteger(evalEvery))
    throw new JudgeError(
      'settings',
      `\`evalEvery\` ${evalEvery}: a share of all steps below 1, or a whole number of steps, is expected`,
    );
  if (patience && !evalEvery)
    throw new JudgeError('settings', '`patience` needs `evalEvery`: nothing is measured without it');
  objectiveOf(settings); // each objective has its own rules
  if (clean?.unlabeled === 'keep')
    throw new JudgeError(
      'settings',
      '`clean` unlabeled=keep: there is nothing to learn from a battle without a vote (but see `softLabels`)',
    );
}

/** Required settings, which have no default. */
const REQUIRED: readonly string[] = ['base', 'data'];

/** The JSON Schema of given settings: the content of `@arena/judge/settings.schema.json`. */
export function settingsSchema(): object {
  const properties = Object.fromEntries(
    Object.entries(RULES).map(([key, rule]) => {
      const standard = DEFAULT_SETTINGS[key as keyof DefaultSettings];
      return [key, standard === undefined ? rule : { ...rule, default: standard }];
    }),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of @arena/judge',
    description: 'What trainJudge() is given. The run.json of a run holds the same, with every default in it.',
    type: 'object',
    properties,
    required: REQUIRED,
    additionalProperties: false,
  };
}
