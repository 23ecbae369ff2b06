/** @file From votes to a judge to a report. */

export { tinyBaseFor } from './base.js';
export type { ModelCard } from './card.js';
export { type CascadeOptions, predictInTurn } from './cascade.js';
export { JudgeError } from './error.js';
export { type EvaluateJudgeOptions, evaluateJudge } from './evaluate.js';
export { type RunEvent, type TrainJudgeOptions, trainJudge } from './fit.js';
export { type Judge, type OpenJudgeOptions, openJudge } from './open.js';
export type { Evaluation } from './results.js';
export {
  completeSettings,
  DEFAULT_SETTINGS,
  type GivenSettings,
  settingsSchema,
  type TrainingSettings,
} from './settings.js';

export { memoryStore, type Store } from './store.js';
export { type ReadVotesOptions, readVotes } from './votes.js';
