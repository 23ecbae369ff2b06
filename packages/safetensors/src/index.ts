/** @file The .safetensors format: one file or a checkpoint of several, read by ranges and written byte for byte. */
export { type Checkpoint, type CheckpointOptions, openCheckpoint } from './checkpoint.js';

export { SafetensorsError } from './error.js';

export type { TensorEntry } from './header.js';

export { openSafetensors, type SafeTensor, type SafetensorsFile } from './reader.js';
export { type Metadata, serialize } from './serialize.js';
export { openWeights } from './weights.js';
export { type CheckpointFiles, writeCheckpoint } from './write-checkpoint.js';
export { type TensorInput, writeSafetensors } from './write-file.js';
export { type ShardOptions, writeSharded } from './write-sharded.js';
