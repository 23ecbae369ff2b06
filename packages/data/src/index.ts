/** @file Human preference battles: read, clean, split, pack, batch. */

export { Mt19937 } from '@arena/random';
export { type Batch, type Batches, type BatchOptions, type BatchState, batches, toBatch } from './batches.js';
export { type Battle, type BattleFlag, swapBattle, type Winner } from './battle.js';
export { type DataCard, type DataCardInput, openDataCard, type SplitCard } from './card.js';
export {
  type BattleExcerpt,
  type CleanCount,
  type CleanPolicy,
  type CleanReason,
  type CleanReport,
  cleanBattles,
  cleaner,
} from './clean.js';
export { type Counts, type DescribeOptions, type Description, describeBattles, type Quantiles } from './describe.js';
export { DataError, type DataErrorPlace } from './error.js';
export {
  type AnswerFrame,
  COMPACT_ANSWER_FRAME,
  COMPACT_FRAME,
  checkAnswerFrame,
  checkFrame,
  type Frame,
  GEMMA_ANSWER_FRAME,
  GEMMA_FRAME,
} from './frame.js';
export { promptKey } from './groups.js';
export { type Histogram, histogram } from './histogram.js';
export { type NearOptions, type NearPair, nearDuplicates } from './near-duplicates.js';
export { type NonText, REJECT_REASONS, type RejectReason } from './normalize-row.js';
export {
  type AnswerPackOptions,
  answerPacker,
  type Cut,
  type CutCount,
  type Packed,
  type PackedEntry,
  type PackOptions,
  type PackTokenizer,
  packBattle,
  packer,
  type Survival,
  survival,
} from './pack.js';
export { openPackingKey, packedFromBytes, packedTensors, packedToBytes, packingKey } from './packed-file.js';
export { randperm } from './random.js';
export { type ReadOptions, type ReadRow, type RejectedRow, readBattles, readRows } from './read.js';
export { type Column, type Format, SCHEMAS, type Schema } from './schema.js';
export type { BattleSource } from './source.js';
export {
  type LeakReport,
  leakReport,
  SPLIT_NAMES,
  type SplitName,
  type SplitOptions,
  type SplitReport,
  type Splits,
  splitBattles,
} from './split.js';
export { applySplits, type SplitsFile, splitsToFile } from './splits-file.js';
export { type SyntheticOptions, syntheticBattles, syntheticCeiling } from './synthetic.js';
export { classTargets, pairTargets, type TargetOptions } from './targets.js';
export { type BattleRecord, battleToRecord } from './to-record.js';
export { TRUNCATIONS, type Truncation } from './truncate.js';
