/** @file The settings of a run on this page: those of its form, and where they differ from the defaults of @arena/judge. */
import { completeSettings, DEFAULT_SETTINGS, type TrainingSettings } from '@arena/judge';
import type { TrainSettings } from '../protocol.js';

/** Below this width a base is a tiny one: it has no room for chat turns, and learns fast. */
const TINY_WIDTH = 512;
/** Measurements, and checkpoints, of a run. */
const CHECKS = 10;

/** What the form is filled with for a base: a real one has the defaults, in the memory of a tab. */
export function formFor(hiddenSize: number): TrainSettings {
  const { epochs, rank, learningRate, firstLayer, maxTokens, batchSize } = DEFAULT_SETTINGS;
  return hiddenSize < TINY_WIDTH
    ? { epochs, rank, batchSize, learningRate: 2e-3, firstLayer: 1, maxTokens: 384 }
    : { epochs, rank, batchSize: 1, learningRate, firstLayer, maxTokens };
}

/** What a run is about. */
export interface RunNames {
  base: string;
  hiddenSize: number;
  votes: string;
  /** Battles of the training part. */
  battles: number;
}

/** The settings of a run, and its steps. */
export function settingsOf(
  form: TrainSettings,
  { base, hiddenSize, votes, battles }: RunNames,
): { settings: TrainingSettings; totalSteps: number } {
  const totalSteps = Math.ceil(form.epochs * Math.ceil(battles / form.batchSize));
  const settings = completeSettings({
    ...form,
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
