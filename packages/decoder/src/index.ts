export { type Activations, KEEP_ALL } from './activations.js';
export { readAdapter } from './adapter.js';
export { type AdapterSet, adapterSet } from './adapter-set.js';
export { type FlatBatch, flattenPadded, pooledRows, positionsOf } from './batch.js';
export { tokenLogits } from './causal.js';
export type { CheckpointSource, CheckpointView } from './checkpoint-view.js';
export type { DecoderConfig, Family, LayerShape, RopeShape } from './config.js';
export { type ConfigFields, commonConfig, configFields, headCounts, object, slidingLayers } from './config-fields.js';
export { type CheckpointPart, type DescribeOptions, describeCheckpoint, type ModelDescription } from './describe.js';
export { checkpointEmbedding, type EmbeddingTable } from './embedding-table.js';
export {
  type MergedCheckpoint,
  mergedCheckpoint,
  type QuantizedCheckpointOptions,
  quantizedCheckpoint,
} from './export.js';
export { embeddingFactor, familyOf, parseConfig, readConfig } from './family.js';
export { isSkipped, type QuantizationOptions, quantizeWeight } from './frozen-weight.js';
export type { DropoutStep } from './linear.js';
export { type LoadOptions, loadClassifier } from './load.js';
export {
  binaryCrossEntropy,
  bradleyTerry,
  crossEntropy,
  defaultLoss,
  type Loss,
  meanSquaredError,
  type ProblemType,
  smoothedCrossEntropy,
} from './loss.js';
export { type MemoryPlan, type MemoryPlanOptions, planMemory } from './memory.js';
export {
  type Attention,
  type Classifier,
  emptyLayer,
  type Layer,
  type Linear,
  linearsOf,
  type Mlp,
  type Norm,
  normsOf,
  putModule,
  trainableParameters,
} from './model.js';
export {
  type AttentionAttrs,
  type AttentionInputs,
  attentionBackward,
  attentionBackwardOp,
  attentionForward,
  attentionOp,
} from './ops/attention/op.js';
export { type GegluAttrs, geglu, gegluBackward, gegluBackwardOp, gegluForward, gegluOp } from './ops/geglu/op.js';
export {
  type RmsNormAttrs,
  type RmsNormBackwardAttrs,
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardOp,
  rmsNormForward,
  rmsNormOp,
} from './ops/rms-norm/op.js';
export { type RopeAttrs, rope, ropeForward, ropeOp } from './ops/rope/op.js';
export { forward, pooledStates } from './pass.js';
export {
  type RandomCheckpointOptions,
  type RandomWeightsOptions,
  randomCheckpointFiles,
  writeRandomCheckpoint,
} from './random-checkpoint.js';
export { logitsOfSequences, type ScoreOptions, scoreSequences } from './score.js';
export { type SharedTokens, sharePrefixes } from './shared-prefix.js';
export {
  type DecoderLinear,
  type LinearName,
  linearModules,
  type NormName,
  type TensorPlace,
  tensorTable,
} from './tensors.js';
export { forwardTraced } from './trace.js';
export { type LabelledBatch, type TrainableClassifier, trainable } from './trainable.js';
export { lowestTrainedLayer, type TrainingPassOptions, trainingPass } from './training-pass.js';
export { uploadLora } from './upload-adapter.js';
