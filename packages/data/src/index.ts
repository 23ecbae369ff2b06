/** @file Human preference battles: read, clean, split, pack, batch. */

export { type Battle, swapBattle, type Winner } from './battle.js';
export { type CleanReport, cleanBattles } from './clean/clean.js';
export { syntheticBattles } from './describe/synthetic.js';

export { DataError } from './error.js';
export { type Batch, type BatchOptions, batches } from './pack/batches.js';
export { COMPACT_ANSWER_FRAME, COMPACT_FRAME, type Frame, GEMMA_ANSWER_FRAME, GEMMA_FRAME } from './pack/frame.js';
export { answerPacker, type Packed, type PackOptions, packer } from './pack/pack.js';
export { classTargets, pairTargets } from './pack/targets.js';
export { type ReadOptions, readBattles } from './read/read.js';
export type { BattleSource } from './read/source.js';
export { type SplitName, type SplitOptions, type Splits, splitBattles } from './split/split.js';
