/** @file Human preference battles: read, clean, split, pack, batch. */

export { type Batch, type BatchOptions, batches } from './batches.js';
export { type Battle, swapBattle, type Winner } from './battle.js';

export { type CleanReport, cleanBattles } from './clean.js';

export { DataError } from './error.js';
export { COMPACT_ANSWER_FRAME, COMPACT_FRAME, type Frame, GEMMA_ANSWER_FRAME, GEMMA_FRAME } from './frame.js';

export { answerPacker, type Packed, type PackOptions, packer } from './pack.js';

export { type ReadOptions, readBattles } from './read.js';

export type { BattleSource } from './source.js';
export { type SplitName, type SplitOptions, type Splits, splitBattles } from './split.js';

export { syntheticBattles } from './synthetic.js';
export { classTargets, pairTargets } from './targets.js';
