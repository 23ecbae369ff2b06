/** @file Gemma checkpoints as views: merged, quantised, random, described. */
export {
  describeGemma,
  mergedCheckpoint,
  openBaseWeights,
  quantizedCheckpoint,
  randomCheckpointFiles,
  writeRandomCheckpoint,
} from '../families.js';
export { openGgufBase } from '../gguf-base.js';
