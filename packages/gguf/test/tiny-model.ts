/** @file A Gemma of two layers in a GGUF file: right by itself, and with single things changed. */
import { type FileSpec, floatBytes, type Pair, type TensorSpec } from './write-gguf.js';

/** hidden 8, two heads of 4, one for keys and values, MLP 16, vocabulary 6. */
const SHAPES = {
  attn_norm: [8],
  attn_q: [8, 8],
  attn_k: [4, 8],
  attn_v: [4, 8],
  attn_output: [8, 8],
  attn_q_norm: [4],
  attn_k_norm: [4],
  post_attention_norm: [8],
  ffn_norm: [8],
  ffn_gate: [16, 8],
  ffn_up: [16, 8],
  ffn_down: [8, 16],
  post_ffw_norm: [8],
};

/** Metadata that llama.cpp asks for; `architecture` stands in every key. */
export function tinyPairs(architecture: string, more: Record<string, Pair[1] | [Pair[1], unknown]> = {}): Pair[] {
  const pairs: Record<string, [Pair[1], unknown]> = {
    block_count: ['u32', 2],
    embedding_length: ['u32', 8],
    feed_forward_length: ['u32', 16],
    'attention.head_count': ['u32', 2],
    'attention.head_count_kv': ['u32', 1],
    'attention.layer_norm_rms_epsilon': ['f32', 1e-6],
  };
  Object.assign(pairs, more);
  return [
    ['general.architecture', 'string', architecture],
    ...Object.entries(pairs).map(([key, [type, value]]): Pair => [`${architecture}.${key}`, type, value]),
  ];
}

/** A float32 tensor whose values tell it from the others. */
export function floats(name: string, shape: number[]): TensorSpec {
  const count = shape.reduce((product, size) => product * size, 1);
  const seed = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  return {
    name,
    type: 0,
    shape,
    data: floatBytes(Array.from({ length: count }, (_, i) => ((seed + i * 37) % 64) / 8)),
  };
}

/** The tensors of a model of two layers. */
export function tinyTensors(architecture: string): TensorSpec[] {
  const layers = [0, 1].flatMap((layer) =>
    Object.entries(SHAPES)
      .filter(([name]) => architecture === 'gemma3' || !/_[qk]_norm/.test(name))
      .map(([name, shape]) => floats(`blk.${layer}.${name}.weight`, shape)),
  );
  return [floats('token_embd.weight', [6, 8]), ...layers, floats('output_norm.weight', [8])];
}

export function tinyModel(architecture: string): FileSpec {
  return { pairs: tinyPairs(architecture), tensors: tinyTensors(architecture) };
}
