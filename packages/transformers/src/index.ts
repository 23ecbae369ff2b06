/** @file A judge in transformers.js. */
export { arenaCache } from './cache.js';
export { TransformersError } from './error.js';
export {
  type JudgeInput,
  type JudgePipeline,
  type JudgePipelineOptions,
  judgePipeline,
  type LabelScore,
} from './judge-pipeline.js';
export { fromTransformers } from './tokenizer.js';
