/** @file Gemma checkpoints as views: merged, quantised, random, described. */
export {
  describeGemma,
  mergedCheckpoint,
  quantizedCheckpoint,
  randomCheckpointFiles,
  writeRandomCheckpoint,
} from '../families.js';
