/** @file The parts of a loaded classifier, and its passes step by step. */
export { KEEP_ALL } from '../activations.js';
export { type AdapterSet, adapterSet } from '../adapter-set.js';
export { flattenPadded, pooledRows, positionsOf } from '../batch.js';
export { tokenLogits } from '../causal.js';
export type { DropoutStep } from '../linear.js';
export {
  type Attention,
  emptyLayer,
  type Layer,
  type Linear,
  linearsOf,
  type Mlp,
  type Norm,
  normsOf,
  putModule,
} from '../model.js';
export { pooledStates } from '../pass.js';
export { logitsOfSequences } from '../score.js';
export { type SharedTokens, sharePrefixes } from '../shared-prefix.js';
export { forwardTraced } from '../trace.js';
export type { TrainableClassifier } from '../trainable.js';
export { lowestTrainedLayer } from '../training-pass.js';
export { uploadLora } from '../upload-adapter.js';
