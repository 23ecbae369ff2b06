export { type Battle, EvaluationInputError, type Prediction } from './battle.js';

export { type ComparedRun, type CompareOptions, compareRuns, type RunComparison, renderComparison } from './compare.js';
export { type EvaluateOptions, evaluate } from './evaluate.js';

export { type PredictionColumns, parsePredictions } from './predictions-file.js';

export { type RenderOptions, renderReport } from './render.js';
export type { Report } from './report.js';
