/** @file The report of an evaluation: plain JSON, every number with its n and, where it has one, a 95 % interval. */
import type { Figure } from '../bootstrap/bootstrap.js';
import type { Statistic } from '../bootstrap/draws.js';
import type { ReliabilityBin, Temperature } from '../metrics/calibration.js';
import type { RiskCoverage } from '../metrics/risk-coverage.js';
import type { McNemar } from '../metrics/significance.js';
import type { LeaderboardSection } from './leaderboard.js';
import type { LengthSection } from './length.js';
import type { SliceSection } from './slices.js';
import type { StyleSection } from './style.js';

/**
 * One predictor's figures. Accuracy: A is picked when P(A) >= 1/2. Log loss: natural. Log loss, Brier score and ECE are
 * null for a predictor that only names the picked answer.
 */
export interface PredictorScores {
  name: string;
  description: string;
  fittedOn: string;
  accuracy: Figure;
  logLoss: Figure;
  brier: Figure;
  auc: Figure;
  ece: Figure;
  /** Coefficients of the style baseline: one a feature, for a difference of one standard size. */
  coefficients: Record<string, number> | null;
}

/** Two predictors on the same battles. */
export interface Comparison {
  first: string;
  second: string;
  /** Accuracy of the first minus accuracy of the second. */
  accuracyDifference: Figure;
  /** Log loss of the first minus log loss of the second: below 0 is better. */
  logLossDifference: Figure;
  /** On the battles without ties. It ignores clusters. */
  mcnemar: McNemar;
}

/**
 * `SwapAgreement` of `n` battles with intervals, and the accuracy in the order B, A (`accuracySwapped`) and for the
 * mean of both orders (`accuracyAveraged`).
 */
export interface SwapSection {
  n: number;
  consistency: Figure;
  firstPositionRate: Figure;
  meanGap: Figure;
  accuracySwapped: Figure;
  accuracyAveraged: Figure;
}

/** Calibration of P(A), over `bins` bins of equal width. `eceTopLabel` is of the picked answer's probability. */
export interface CalibrationSection {
  bins: number;
  reliability: ReliabilityBin[];
  eceTopLabel: number | null;
  /** Fitted on the validation split; null without one. */
  temperature: (Temperature & { validationN: number }) | null;
  /** Scores here before and after that temperature. */
  before: { logLoss: number | null; brier: number | null; ece: number | null };
  after: { logLoss: number | null; brier: number | null; ece: number | null } | null;
}

/** A battle worth looking at. */
export interface Example {
  id: string;
  probabilityA: number;
  winner: 'a' | 'b' | 'tie';
}

/**
 * The result of `evaluate`. `swap` is null without predictions in the other order, `leaderboard` without named models.
 * `train` and `validation` are numbers of battles.
 */
export interface Report {
  format: 'arena-eval-report';
  version: 1;
  title: string;
  /** One sentence that compares the model with always picking the longer answer and with the best baseline. */
  verdict: string;
  settings: { seed: number; bootstrapRounds: number; ties: 'drop' | 'half'; confidence: number; bins: number };
  data: {
    /** Battles given. */
    battles: number;
    /** Battles counted. */
    n: number;
    /** Distinct prompts among them: the bootstrap draws these. */
    prompts: number;
    ties: number;
    unlabelled: number;
    wonByA: number;
    wonByB: number;
    train: number | null;
    validation: number | null;
    /** Battles whose prompt is also in the training split; null without one. */
    promptsSeenInTraining: number | null;
  };
  /** Notes for the reader: ties, missing splits, leaks, one class only. */
  notes: string[];
  /** The model first, then other predictions, then the baselines. */
  predictors: PredictorScores[];
  comparisons: Comparison[];
  swap: SwapSection | null;
  length: LengthSection;
  /** Present where other predictions were given beside the model's. */
  style?: StyleSection;
  calibration: CalibrationSection;
  riskCoverage: RiskCoverage;
  slices: SliceSection;
  leaderboard: LeaderboardSection | null;
  examples: { worst: Example[]; leastCertain: Example[] };
}

/** A part of the evaluation: its statistics see each bootstrap round, then it returns its numbers. */
export interface Section<T> {
  statistics: readonly Statistic[];
  finish(): T;
}
