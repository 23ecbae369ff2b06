export { baselinePredictors, type Predictor } from './baselines.js';
export { type Battle, EvaluationInputError, type Joined, type Prediction, type PromptKey } from './battle.js';

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

export { type Block, type Page, pageHtml, pageMarkdown, type Table, tableMarkdown } from './page.js';
export { type PredictionColumns, parsePredictions } from './predictions-file.js';

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

export { scriptOf } from './script.js';

export type { Slice, SliceSection } from './slices.js';
export { STYLE_FEATURES, styleCounts } from './style.js';
export { type Axis, type Chart, chartSvg, type Mark, niceAxis, type RangeRow, rangesSvg, type Series } from './svg.js';

export { numberFigure, percent, percentFigure, shorten } from './text.js';
