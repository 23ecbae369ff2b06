/** @file How long a training takes, measured before its base is there. */
export { type EstimateOptions, estimateTraining, type TrainingEstimate } from '../probe.js';
