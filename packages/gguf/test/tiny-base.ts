/** @file A tiny base in a GGUF file, made by the tests that train on one: weights and a tokenizer. */
import { readFile } from 'node:fs/promises';
import { floatBytes, type Pair, type TensorSpec, writeGguf } from './write-gguf.js';

/** What may be other than usual. */
interface TinyOptions {
  architecture?: string;
  /** Of the weights. Default 1. */
  seed?: number;
  more?: Pair[];
}

/** A Gemma 3 of two layers in Q8_0 and float32, with a tokenizer of 600 pieces. */
export async function tinyGguf(options: TinyOptions = {}): Promise<Uint8Array> {
  return writeGguf(await tinyModel(options));
}

/** The same in two parts, by the ends of their names. */
export async function splitTinyGguf(): Promise<Record<string, Uint8Array>> {
  const { pairs, tensors } = await tinyModel({});
  const part = (no: number, more: Pair[], own: TensorSpec[]) => {
    const split: Pair[] = [
      ['split.no', 'u16', no],
      ['split.count', 'u16', 2],
      ['split.tensors.count', 'i32', tensors.length],
    ];
    return writeGguf({ pairs: [...more, ...split], tensors: own });
  };
  return {
    '-00001-of-00002.gguf': part(0, pairs, tensors.slice(0, 9)),
    '-00002-of-00002.gguf': part(1, [], tensors.slice(9)),
  };
}

async function tinyModel({ architecture = 'gemma3', seed = 1, more = [] }: TinyOptions) {
  const path = new URL('../../tokenizer/test/fixtures/sentencepiece.json', import.meta.url);
  const { tokens, scores, types } = JSON.parse(await readFile(path, 'utf8')) as Record<string, never[]>;
  const pairs: Pair[] = [
    ['general.architecture', 'string', architecture],
    ...Object.entries({
      block_count: 2,
      embedding_length: 32,
      feed_forward_length: 64,
      'attention.head_count': 2,
      'attention.head_count_kv': 1,
      'attention.key_length': 16,
      'attention.value_length': 16,
      'attention.sliding_window': 64,
    }).map(([key, value]): Pair => [`gemma3.${key}`, 'u32', value]),
    ['gemma3.attention.layer_norm_rms_epsilon', 'f32', 1e-6],
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.tokens', ['string'], tokens],
    ['tokenizer.ggml.scores', ['f32'], scores],
    ['tokenizer.ggml.token_type', ['i32'], types],
    ['tokenizer.ggml.bos_token_id', 'u32', 2],
    ['tokenizer.ggml.eos_token_id', 'u32', 1],
    ['tokenizer.ggml.unknown_token_id', 'u32', 3],
    ['tokenizer.ggml.padding_token_id', 'u32', 0],
    ['tokenizer.ggml.add_space_prefix', 'bool', false],
    ...more,
  ];
  const draw = uniform(seed);
  const matrix = (name: string, shape: [number, number]): TensorSpec => {
    const values = Float32Array.from({ length: shape[0] * shape[1] }, () => draw() * (3 / shape[1]) ** 0.5);
    return { name: `${name}.weight`, type: 8, shape, data: q8(values) };
  };
  const ones = (name: string, width: number): TensorSpec => {
    return { name: `${name}.weight`, type: 0, shape: [width], data: floatBytes(new Float32Array(width).fill(1)) };
  };
  const layers = [0, 1].flatMap((layer) => {
    const at = (name: string) => `blk.${layer}.${name}`;
    return [
      ...['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm'].map((name) => ones(at(name), 32)),
      ones(at('attn_q_norm'), 16),
      ones(at('attn_k_norm'), 16),
      matrix(at('attn_q'), [32, 32]),
      matrix(at('attn_k'), [16, 32]),
      matrix(at('attn_v'), [16, 32]),
      matrix(at('attn_output'), [32, 32]),
      matrix(at('ffn_gate'), [64, 32]),
      matrix(at('ffn_up'), [64, 32]),
      matrix(at('ffn_down'), [32, 64]),
    ];
  });
  return { pairs, tensors: [matrix('token_embd', [tokens.length, 32]), ...layers, ones('output_norm', 32)] };
}

/** Numbers between -1 and 1. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Blocks of 32: a float16 scale of 1/64 and bytes. */
function q8(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const block = 34 * Math.floor(i / 32);
    view.setUint16(block, 0x2400, true); // 2^-6
    view.setInt8(block + 2 + (i % 32), Math.max(-127, Math.min(127, Math.round(value * 64))));
  });
  return bytes;
}
