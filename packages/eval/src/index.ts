export type { Battle, Prediction } from './battle.js';
export { EvaluationInputError } from './error.js';
export { type RenderOptions, renderReport } from './page/render.js';
export { type PredictionColumns, parsePredictions } from './predictions-file.js';
export {
  type ComparedRun,
  type CompareOptions,
  compareRuns,
  type RunComparison,
  renderComparison,
} from './report/compare.js';
export { type EvaluateOptions, evaluate } from './report/evaluate.js';
export type { Report } from './report/report.js';
