/** @file Element types and their conversion; views of tensors. */
export { type Dtype, isDtype, tensorBytes } from '../dtype.js';
export { type FloatDtype, fromFloat32, toFloat32 } from '../float.js';
export { floatWeights } from '../float-weights.js';
export type { TensorReader } from '../reader.js';
export type { TensorSpec } from '../serialize.js';
export { checkpointWeights, weightsView } from '../weights.js';
