export { type Checkpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.js';
export type { Communicator } from './communicator.js';

export type { EarlyStoppingOptions } from './early-stopping.js';
export { TrainerError } from './error.js';
export { type AdamW, type AdamWOptions, adamW, loraPlus } from './optimizer.js';
export {
  type EvaluationEntry,
  type LogEntry,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  train,
} from './train.js';
export type { MicroBatch, PassOptions, Trainable } from './trainable.js';
