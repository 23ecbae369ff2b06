export type { Activations } from './activations.js';
export { readAdapter } from './adapter.js';

export type { FlatBatch } from './batch.js';

export type { DecoderConfig, Family } from './config.js';
export { DecoderError } from './error.js';
export { readConfig } from './family.js';
export { type LoadOptions, loadClassifier } from './load.js';
export type { Loss } from './loss.js';
export { linearBytes, type MemoryPlan, type MemoryPlanOptions, planMemory } from './memory.js';
export { type Classifier, trainableParameters } from './model.js';
export { forward } from './pass.js';
export { type ScoreOptions, scoreSequences } from './score.js';
export { trainable } from './trainable.js';
export { type TrainingPassOptions, trainingPass } from './training-pass.js';
