/** @file From votes to a judge to a report. */

export { type Base, openBase, openTokenizer, tinyBaseFor } from './base.js';
export { baseOfCard, cardOf, formatCard, type ModelCard, mergedCard, parseCard, readCard } from './card.js';
export { latestCheckpoint } from './checkpoints.js';
export { type EvaluateJudgeOptions, evaluateJudge } from './evaluate.js';
export { type JudgeRun, type RunEvent, type TrainingVotes, type TrainJudgeOptions, trainJudge } from './fit.js';
export { measure } from './measure.js';
export { objectiveOf, objectiveOfCard } from './objectives/choose.js';
export type { Head, Objective, Verdict } from './objectives/objective.js';
export {
  battleOf,
  type Judge,
  type JudgeFiles,
  type OpenJudgeOptions,
  openJudge,
  type Pair,
  readJudge,
} from './open.js';
export { newAdapter } from './plan.js';
export { type Evaluation, type EvaluationInput, evaluationOf, keepEvaluation } from './results.js';
export { meanOfOrders, type Scored, type ScoringOptions } from './score.js';
export {
  checkSettings,
  completeSettings,
  DEFAULT_SETTINGS,
  type DefaultSettings,
  type GivenSettings,
  settingsSchema,
  type TrainingSettings,
} from './settings.js';
export { SettingsError } from './settings-error.js';
export { RULES, type Rule } from './settings-rules.js';
export { memoryStore, readText, type Store } from './store.js';
export {
  type Cleaning,
  checkLabels,
  DROP_REASONS,
  describeDrops,
  type LeftOut,
  type ReadVotesOptions,
  readVotes,
  splitVotes,
  streamVotes,
  type VoteParts,
} from './votes.js';
