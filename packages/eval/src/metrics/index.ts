/** @file Single figures: the parts of a report. */

export { clusteredMean, type Figure } from '../bootstrap/bootstrap.js';
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
export { type CascadePoint, cascadeCurve } from './cascade.js';
export { fitLogistic, type LogisticModel, type LogisticOptions, type SparseRows, sparseRows } from './logistic.js';
export {
  macroF1,
  multiclassAccuracy,
  multiclassBrier,
  multiclassCalibrationError,
  multiclassConfusion,
  multiclassLogLoss,
} from './multiclass.js';
export { kendallTauB, pearson, spearman } from './ranking.js';
export { type RiskCoverage, riskCoverage } from './risk-coverage.js';
export { type McNemar, mcnemar, wilsonInterval } from './significance.js';
export { type SwapAgreement, swapAgreement } from './swap.js';
