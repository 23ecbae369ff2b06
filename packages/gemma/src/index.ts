// what everyone does with the model next, so that a user of Gemma needs no second package
export {
  type Classifier,
  forward,
  logitsOfSequences,
  planMemory,
  readAdapter,
  scoreSequences,
  trainable,
  trainableParameters,
  trainingPass,
} from '@arena/decoder';
export {
  describeGemma,
  GEMMA_FAMILIES,
  type LoadGemmaOptions,
  loadGemma,
  mergedCheckpoint,
  parseGemmaConfig,
  quantizedCheckpoint,
  randomCheckpointFiles,
  readConfig,
  writeRandomCheckpoint,
} from './families.js';
export { GEMMA2_2B, gemma2 } from './gemma2.js';
export { type TinyBaseOptions, tinyBaseFiles } from './tiny-base.js';
