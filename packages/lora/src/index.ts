export { type CombineOptions, combineAdapters } from './combine.js';
export { formatLoraConfig, type LoraConfig, loraConfig, parseLoraConfig } from './config.js';
export {
  type AdapterFiles,
  adapterFolder,
  adapterKey,
  checkAdapter,
  loadAdapter,
  SCORE_KEY,
  saveAdapter,
  serializeAdapter,
} from './files.js';
export { initAdapter, initScore, type LoraWeights } from './init.js';
export { type MergeError, mergeError, mergeWeight, mergeWeight4bit } from './merge.js';
export { type MergedWeights, mergedWeights } from './merged-weights.js';
export {
  type FrozenWeight,
  type LoraLinearAttrs,
  type LoraLinearBackwardAttrs,
  loraLinear,
  loraLinearBackward,
  loraLinearBackwardOp,
  loraLinearForward,
  loraLinearOp,
} from './ops/lora-linear/op.js';
export { adapterScaling, type LinearModule, type LoraTarget, resolveTargets } from './targets.js';
