/** @file Cleaning battle by battle, near duplicates, and what counts as the same prompt. */
export { type BattleExcerpt, type CleanCount, type CleanPolicy, type CleanReason, cleaner } from './clean.js';
export { promptKey } from './groups.js';
export { type NearOptions, type NearPair, nearDuplicates } from './near-duplicates.js';
