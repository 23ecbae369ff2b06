export * from './adapter.js';
export * from './adapter-set.js';
export * from './batch.js';
export * from './causal.js';
export * from './classifier.js';
export * from './config.js';
export * from './describe.js';
export * from './embedding.js';
export {
  type CheckpointView,
  mergedCheckpoint,
  type QuantizedCheckpointOptions,
  quantizedCheckpoint,
} from './export.js';
export type { DropoutStep } from './linear.js';
export * from './load.js';
export * from './loss.js';
export * from './memory.js';
export * from './model.js';
export * from './ops/attention/op.js';
export * from './ops/geglu/op.js';
export * from './ops/rms-norm/op.js';
export * from './ops/rope/op.js';
export * from './parameter.js';
export * from './random-checkpoint.js';
export * from './score.js';
export * from './shared-prefix.js';
export * from './tiny-base.js';
