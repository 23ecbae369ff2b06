export type { BestWeights } from './best-weights.js';
export {
  type Checkpoint,
  type CheckpointInfo,
  checkpointFiles,
  latestCheckpoint,
  loadCheckpoint,
  restoreProgress,
  saveCheckpoint,
} from './checkpoint.js';
export { type Communicator, localCommunicators } from './communicator.js';
export { RankFailure } from './data-parallel.js';
export {
  EARLY_STOPPING_START,
  type EarlyStoppingOptions,
  type EarlyStoppingState,
  earlyStopping,
} from './early-stopping.js';
export type { EightBitMoments } from './eight-bit.js';
export { hfCheckpointFiles } from './hf-checkpoint.js';
export { type OptimizerSettings, type OptimizerState, readOptimizerPt, writeHfOptimizer } from './hf-optimizer.js';
export { type AdamWAttrs, type AdamWTensors, adamWOp, adamWStep, squaredNorm, squaredNormOp } from './ops/adamw/op.js';
export {
  type AdamW,
  type AdamWOptions,
  type AdamWState,
  adamW,
  clipScale,
  type FloatMoments,
  floatMoments,
  gradientNorm,
  isDecayed,
  loraPlus,
} from './optimizer.js';
export { type ScheduleKind, scheduleFactor, totalSteps, warmupSteps } from './schedule.js';
export { type EventWriter, encodeEvent, openEventWriter, type TensorBoardEvent } from './tensorboard.js';
export {
  type EvaluationEntry,
  type LogEntry,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  train,
} from './train.js';
export type { MicroBatch, PassOptions, Trainable } from './trainable.js';
export { formatTrainerState, parseTrainerState, type RunInfo, type TrainerState } from './trainer-state.js';
