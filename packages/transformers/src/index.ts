/** @file A judge in transformers.js. */
export { type ArenaCache, type ArenaCacheOptions, arenaCache } from './cache.js';
export { TransformersError } from './error.js';
export {
  type JudgeInput,
  type JudgePipeline,
  type JudgePipelineOptions,
  judgePipeline,
  type LabelScore,
  type TransformersModule,
} from './judge-pipeline.js';
export { fromTransformers } from './tokenizer.js';
