/** @file GGUF files: header, metadata, tensors; ggml's blocks to float32; Gemma 2 and 3 under Hugging Face's names. */
export { ggufConfig } from './config.js';
export { dequantize } from './dequantize.js';
export { GgufError, type GgufErrorCode } from './errors.js';
export { type GgufFile, openGguf } from './file.js';
export { blockSize, type GgmlType } from './ggml-types.js';
export type { GgufValue } from './metadata.js';
export type { GgufStrings } from './strings.js';
export type { GgufTensor } from './tensor-table.js';
export { type GgufTokenizerFields, ggufTokenizerFields } from './tokenizer-fields.js';
export { ggufWeights } from './weights.js';
