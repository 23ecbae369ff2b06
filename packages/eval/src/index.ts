export { baselinePredictors, type Predictor } from './baselines.js';
export { type Battle, EvaluationInputError, type Joined, type Prediction, type PromptKey } from './battle.js';
export {
  accuracy,
  averagePrecision,
  brier,
  confusion,
  f1Score,
  logLoss,
  matthewsCorrelation,
  rocAuc,
} from './binary.js';
export { clusteredMean, type Figure } from './bootstrap.js';
export { type BradleyTerry, type BradleyTerryOptions, bradleyTerry, type Vote } from './bradley-terry.js';
export {
  calibrationError,
  fitTemperature,
  maximumCalibrationError,
  type ReliabilityBin,
  reliability,
  type Temperature,
  topLabel,
} from './calibration.js';
export {
  type ComparedRun,
  type CompareOptions,
  compareRuns,
  comparisonSummary,
  type RunComparison,
  renderComparison,
} from './compare.js';
export { type EvaluateOptions, evaluate } from './evaluate.js';
export type { LeaderboardSection } from './leaderboard.js';
export type { GroupShare, LengthGap, LengthSection } from './length.js';
export { fitLogistic, type LogisticModel, type LogisticOptions, type SparseRows, sparseRows } from './logistic.js';
export {
  macroF1,
  multiclassAccuracy,
  multiclassBrier,
  multiclassCalibrationError,
  multiclassConfusion,
  multiclassLogLoss,
} from './multiclass.js';
export { type Block, type Page, pageHtml, pageMarkdown, type Table, tableMarkdown } from './page.js';
export { type PredictionColumns, parsePredictions } from './predictions-file.js';
export { kendallTauB, pearson, spearman } from './ranking.js';
export { type RenderOptions, renderReport, summaryTable } from './render.js';
export type {
  CalibrationSection,
  Comparison,
  Example,
  PredictorScores,
  Report,
  Section,
  SwapSection,
} from './report.js';
export { type RiskCoverage, riskCoverage } from './risk-coverage.js';
export { scriptOf } from './script.js';
export { type McNemar, mcnemar, wilsonInterval } from './significance.js';
export type { Slice, SliceSection } from './slices.js';
export { STYLE_FEATURES, styleCounts } from './style.js';
export { type Axis, type Chart, chartSvg, type Mark, niceAxis, type RangeRow, rangesSvg, type Series } from './svg.js';
export { type SwapAgreement, swapAgreement } from './swap.js';
export { numberFigure, percent, percentFigure, shorten } from './text.js';
