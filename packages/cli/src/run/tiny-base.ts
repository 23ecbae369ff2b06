/** @file A small Gemma 2 of seeded random weights with a tokenizer of its own, in Hugging Face's format. */
import { writeFile } from 'node:fs/promises';
import type { Battle } from '@arena/data';
import { type GemmaConfig, writeRandomCheckpoint } from '@arena/gemma';
import { loadTokenizer, trainBpe } from '@arena/tokenizer';

export interface TinyBaseOptions {
  seed?: number;
  hiddenSize?: number;
  layers?: number;
  vocabSize?: number;
}

/** Battles whose texts the tokenizer is trained on. */
const TOKENIZER_BATTLES = 300;

/** Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. */
export async function writeTinyBase(
  directory: string,
  battles: Battle[],
  options: TinyBaseOptions = {},
): Promise<void> {
  const { seed = 0, hiddenSize = 128, layers = 4, vocabSize = 1500 } = options;
  const texts = battles
    .slice(0, TOKENIZER_BATTLES)
    .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
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
    padTokenId: 0,
    numLabels: 2,
    dtype: 'float32',
  };
  await writeRandomCheckpoint(directory, config, { seed });
  await writeFile(`${directory}/tokenizer.json`, JSON.stringify(tokenizer));
  const special = { bos_token: '<bos>', eos_token: '<eos>', pad_token: '<pad>', unk_token: '<unk>' };
  const tokenizerConfig = {
    tokenizer_class: 'GemmaTokenizerFast',
    add_bos_token: true,
    add_eos_token: false,
    ...special,
  };
  await writeFile(`${directory}/tokenizer_config.json`, `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
}
