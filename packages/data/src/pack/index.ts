/** @file The parts of packing: frames, truncation, packed files, batches by hand. */
export { type Batches, type BatchState, toBatch } from './batches.js';
export { type AnswerFrame, checkAnswerFrame, checkFrame } from './frame.js';
export {
  type AnswerPackOptions,
  type Cut,
  type CutCount,
  type PackedEntry,
  type PackTokenizer,
  packBattle,
  packerTextOptions,
  type Survival,
  survival,
} from './pack.js';
export { openPackingKey, packedFromBytes, packedTensors, packedToBytes, packingKey } from './packed-file.js';
export type { TargetOptions } from './targets.js';
export { TRUNCATIONS, type Truncation } from './truncate.js';
