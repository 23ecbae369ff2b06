/** @file The steps of a run one by one, for commands with a terminal of their own. */
export { openBase, openTokenizer } from '../base.js';
export { latestCheckpoint } from '../checkpoints.js';
export type { JudgeRun } from '../fit.js';
export { measure } from '../measure.js';
export { objectiveOf } from '../objectives/choose.js';
export type { Objective, Verdict } from '../objectives/objective.js';
export { type JudgeFiles, type Pair, readJudge } from '../open.js';
export { newAdapter } from '../plan.js';
export { type EvaluationInput, evaluationOf, keepEvaluation } from '../results.js';
export { meanOfOrders, type Scored, type ScoringOptions, type Verdicts } from '../score.js';
