/** @file The sections of a report, and their input. */

export type { Joined, PromptKey } from '../battle.js';
export { summaryTable } from '../page/render.js';
export { baselinePredictors, type Predictor } from './baselines.js';
export { comparisonSummary } from './compare.js';
export type { LeaderboardSection } from './leaderboard.js';
export type { GroupShare, LengthGap, LengthSection } from './length.js';
export type { CalibrationSection, Comparison, Example, PredictorScores, Section, SwapSection } from './report.js';
export { scriptOf } from './script.js';
export type { Slice, SliceSection } from './slices.js';
export type { StyleRow, StyleSection } from './style.js';
export type { Variant } from './variant.js';
