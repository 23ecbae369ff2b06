/** @file Losses over logits. */
export {
  binaryCrossEntropy,
  bradleyTerry,
  crossEntropy,
  defaultLoss,
  meanSquaredError,
  type ProblemType,
  smoothedCrossEntropy,
} from '../loss.js';
export type { LabelledBatch } from '../trainable.js';
