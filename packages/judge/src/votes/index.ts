/** @file Votes for training: read, split, dropped with a reason. */
export type { TrainingVotes } from '../fit.js';
export { battleOf } from '../open.js';
export { readText } from '../store.js';
export { DROP_REASONS, describeDrops, type LeftOut, splitVotes, streamVotes, type VoteParts } from '../votes.js';
