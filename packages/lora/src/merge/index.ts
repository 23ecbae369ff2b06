/** @file Merging an adapter into its base. */
export { type MergeError, mergeError, mergeWeight, mergeWeight4bit } from '../merge.js';
export { type MergedWeights, mergedWeights } from '../merged-weights.js';
