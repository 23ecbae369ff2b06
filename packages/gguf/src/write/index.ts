/** @file Writing GGUF files: the container, blocks of floats, and Gemma 2 and 3 as llama.cpp reads them. */
export { encodeBlocks, type WrittenType } from './encode.js';
export { type GgufContent, type TensorContent, writeGguf } from './file.js';
export { type LoraMatrices, type LoraOptions, loraGguf } from './lora.js';
export { type ModelOptions, type ModelShape, modelGguf } from './model.js';
export { type TokenizerContent, tokenizerPairs } from './tokenizer.js';
export type { MetadataPairs, MetadataValue } from './value.js';
