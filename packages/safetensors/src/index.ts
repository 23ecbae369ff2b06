/** @file The .safetensors format: one file or a checkpoint of several, read by ranges and written byte for byte. */
export { type Checkpoint, type CheckpointOptions, openCheckpoint } from './checkpoint.js';
export { type Dtype, isDtype, tensorBytes } from './dtype.js';
export { SafetensorsError } from './errors.js';
export { type FloatDtype, fromFloat32, toFloat32 } from './float.js';
export type { TensorEntry } from './header.js';
export { editJson, pythonFloat, pythonJson } from './python-json.js';
export { openSafetensors, type SafeTensor, type SafetensorsFile, type TensorReader } from './reader.js';
export { type Metadata, serialize, type TensorSpec } from './serialize.js';
export { checkpointWeights, openWeights, weightsView } from './weights.js';
export { type CheckpointFiles, writeCheckpoint } from './write-checkpoint.js';
export { type TensorInput, writeSafetensors } from './write-file.js';
export { type ShardOptions, writeSharded } from './write-sharded.js';
