/** @file Files of a run: trainer state, optimizer state, Hugging Face checkpoints. */
export type { BestWeights } from '../best-weights.js';
export { type CheckpointInfo, checkpointFiles, latestCheckpoint, restoreProgress } from '../checkpoint.js';
export { EARLY_STOPPING_START, type EarlyStoppingState, earlyStopping } from '../early-stopping.js';
export { hfCheckpointFiles } from '../hf-checkpoint.js';
export { readOptimizerPt, writeHfOptimizer } from '../hf-optimizer.js';
export { formatTrainerState, parseTrainerState, type RunInfo, type TrainerState } from '../trainer-state.js';
