/** @file A small Gemma 2 of seeded random weights with a tokenizer of its own, in Hugging Face's format: a base to try things on. */
import { loadTokenizer, trainBpe } from '@arena/tokenizer';
import type { GemmaConfig } from './config.js';
import { randomCheckpointFiles } from './random-checkpoint.js';

/** Size and weights. Default seed 0, 4 layers, and a tokenizer of at most 1,500 tokens. */
export interface TinyBaseOptions {
  seed?: number;
  /** A multiple of 32 (default 128). */
  hiddenSize?: number;
  layers?: number;
  vocabSize?: number;
}

/**
 * The files config.json, model.safetensors, tokenizer.json and tokenizer_config.json.
 * @param texts What the tokenizer learns its words from; a few hundred are enough.
 */
export function tinyBaseFiles(texts: string[], options: TinyBaseOptions = {}): Record<string, Uint8Array> {
  const { seed = 0, hiddenSize = 128, layers = 4, vocabSize = 1500 } = options;
  const tokenizer = trainBpe(texts, { vocabSize });
  const config: GemmaConfig = {
    vocabSize: loadTokenizer(tokenizer).vocabSize,
    hiddenSize,
    intermediateSize: 2 * hiddenSize,
    numHiddenLayers: layers,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    headDim: hiddenSize / 4,
    queryPreAttnScalar: hiddenSize / 4,
    rmsNormEps: 1e-6,
    ropeTheta: 10000,
    slidingWindow: 64,
    slidingLayers: Array.from({ length: layers }, (_, i) => i % 2 === 0),
    attnLogitSoftcapping: 50,
    finalLogitSoftcapping: 30,
    padTokenId: 0,
    numLabels: 2,
    dtype: 'float32',
  };
  const special = { bos_token: '<bos>', eos_token: '<eos>', pad_token: '<pad>', unk_token: '<unk>' };
  const tokenizerConfig = {
    tokenizer_class: 'GemmaTokenizerFast',
    add_bos_token: true,
    add_eos_token: false,
    ...special,
  };
  const encode = (text: string) => new TextEncoder().encode(text);
  return {
    ...randomCheckpointFiles(config, { seed }),
    'tokenizer.json': encode(JSON.stringify(tokenizer)),
    'tokenizer_config.json': encode(`${JSON.stringify(tokenizerConfig, null, 2)}\n`),
  };
}
