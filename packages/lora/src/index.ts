export * from './combine.js';
export * from './config.js';
export * from './files.js';
export * from './init.js';
export * from './merge.js';
export { type MergedWeights, mergedWeights } from './merged-weights.js';
export * from './ops/lora-linear/op.js';
export * from './targets.js';
