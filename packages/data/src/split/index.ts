/** @file Splits as files, and leaks between parts. */
export { type LeakReport, leakReport, SPLIT_NAMES, type SplitReport } from './split.js';
export { applySplits, type SplitsFile, splitsToFile } from './splits-file.js';
