/** @file Checkpoints as views: merged, quantised, random, described. */
export { type CheckpointSource, type CheckpointView, openedView, weightsOf } from '../checkpoint-view.js';
export { type CheckpointPart, type DescribeOptions, describeCheckpoint, type ModelDescription } from '../describe.js';
export { checkpointEmbedding, type EmbeddingTable } from '../embedding-table.js';
export {
  type MergedCheckpoint,
  mergedCheckpoint,
  type QuantizedCheckpointOptions,
  quantizedCheckpoint,
} from '../export.js';
export { isSkipped, type Quantization, type QuantizationOptions, quantizeWeight } from '../frozen-weight.js';
export { lowerLayers } from '../lower-layers.js';
export {
  type RandomCheckpointOptions,
  type RandomWeightsOptions,
  randomCheckpointFiles,
  writeRandomCheckpoint,
} from '../random-checkpoint.js';
export { type DecoderLinear, linearModules } from '../tensors.js';
