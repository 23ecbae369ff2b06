/** @file The settings of a run on this page: those of its form, and where they differ from the defaults of @arena/judge. */
import { completeSettings, DEFAULT_SETTINGS, type TrainingSettings } from '@arena/judge';
import { smallBase } from '@arena/judge/recipes';
import type { TrainSettings } from '../protocol.js';

/** Below this width a base is a tiny one: it has no room for chat turns, and learns fast. */
const TINY_WIDTH = 512;
/** Below so many parameters a base is a small one. */
const SMALL = 1e9;
/** Measurements, and checkpoints, of a run. */
const CHECKS = 10;

/** What a base is made of, as far as settings follow from it. */
export interface BaseSize {
  hiddenSize: number;
  parameters: number;
}

/** What the form is filled with for a base: a small one has the recipe for such, in the memory of a tab: a battle at a time. */
export function formFor({ hiddenSize, parameters }: BaseSize): { form: TrainSettings; recipe?: string } {
  const { epochs, rank, learningRate, firstLayer, maxTokens, batchSize, loss } = DEFAULT_SETTINGS;
  const common = { epochs, rank, loss, accumulation: 1 };
  if (hiddenSize < TINY_WIDTH) {
    return { form: { ...common, batchSize, learningRate: 2e-3, firstLayer: 1, maxTokens: 384 } };
  }
  const one = { ...common, batchSize: 1, accumulation: batchSize, learningRate, firstLayer, maxTokens };
  if (parameters >= SMALL) return { form: one };
  const ofRecipe = Object.fromEntries(
    Object.keys(one).flatMap((key) => (key in smallBase.settings ? [[key, smallBase.settings[key as 'rank']]] : [])),
  );
  return { form: { ...one, ...ofRecipe, batchSize: 1, accumulation: batchSize }, recipe: smallBase.name };
}

/** What a run is about. */
export interface RunNames {
  base: string;
  hiddenSize: number;
  votes: string;
  /** Battles of the training part. */
  battles: number;
}

/** The settings of a run, and its steps. Runs of earlier pages say neither `loss` nor `accumulation`. */
export function settingsOf(
  { accumulation = 1, ...form }: TrainSettings,
  { base, hiddenSize, votes, battles }: RunNames,
): { settings: TrainingSettings; totalSteps: number } {
  const batches = Math.ceil(battles / form.batchSize);
  const totalSteps = Math.ceil(form.epochs * Math.ceil(batches / accumulation));
  const settings = completeSettings({
    ...form,
    accumulation,
    base,
    data: [votes],
    alpha: 2 * form.rank,
    targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    frame: hiddenSize < TINY_WIDTH ? 'compact' : 'chat',
    warmup: 0.05,
    evalEvery: Math.max(1, Math.ceil(totalSteps / CHECKS)),
  });
  return { settings, totalSteps };
}
