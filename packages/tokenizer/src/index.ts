/** @file Exact byte-fallback BPE from a Hugging Face tokenizer.json. */

export { type EncoderPool, type EncoderPoolOptions, openEncoderPool } from './encoder-pool.js';
export { TokenizerError } from './error.js';
export {
  type DecodeOptions,
  type EncodeOptions,
  loadTokenizer,
  type SpecialTokenNames,
  Tokenizer,
} from './tokenizer.js';
export type { AddedToken, BpeModelJson, Component, TokenizerJson } from './tokenizer-json.js';
export { type TrainBpeOptions, trainBpe } from './train.js';
