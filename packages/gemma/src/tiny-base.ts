/** @file A small Gemma 2 of seeded random weights with a tokenizer of its own, in Hugging Face's format: a base to try things on. */
import { loadTokenizer, trainBpe } from '@arena/tokenizer';
import { randomCheckpointFiles } from './families.js';
import { GEMMA2_2B } from './gemma2.js';

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
  const config = {
    ...GEMMA2_2B,
    head_dim: hiddenSize / 4,
    hidden_size: hiddenSize,
    intermediate_size: 2 * hiddenSize,
    num_attention_heads: 4,
    num_hidden_layers: layers,
    num_key_value_heads: 2,
    query_pre_attn_scalar: hiddenSize / 4,
    sliding_window: 64,
    torch_dtype: 'float32',
    vocab_size: loadTokenizer(tokenizer).vocabSize,
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
