/** @file Exact byte-fallback BPE of a tokenizer.json, or of the SentencePiece vocabulary in a GGUF file. */

export { type EncoderPool, type EncoderPoolOptions, openEncoderPool } from './encoder-pool.js';
export { TokenizerError } from './error.js';
export { sentencePieceVocabulary } from './json-sentencepiece.js';
export { loadTokenizer } from './load-tokenizer.js';
export { sentencePieceTokenizer } from './sentencepiece.js';
export { tokenizerJson } from './sentencepiece-json.js';
export type { SentencePieceVocabulary } from './sentencepiece-vocabulary.js';
export type { DecodeOptions, EncodeOptions, Tokenizer } from './tokenizer.js';
export { trainBpe } from './train.js';
