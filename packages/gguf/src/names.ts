/** @file What ggml calls the tensors of Gemma 2 and 3, and what Hugging Face does. */
import type { Architecture } from './fields.js';

/** A tensor's name elsewhere. */
export interface HubName {
  /** Hugging Face's name. */
  name: string;
  /** Whether it is an RMSNorm: llama.cpp stores 1 + weight. */
  norm: boolean;
}

const OUTER: Readonly<Record<string, HubName>> = {
  'token_embd.weight': { name: 'model.embed_tokens.weight', norm: false },
  'output_norm.weight': { name: 'model.norm.weight', norm: true },
  'output.weight': { name: 'lm_head.weight', norm: false },
};

/** Within a layer, without `blk.N.` and `.weight`. */
const INNER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
  post_ffw_norm: 'post_feedforward_layernorm',
};

/** Tensors that Gemma 3 has in every layer and Gemma 2 has not. */
const QUERY_KEY_NORMS = ['attn_q_norm', 'attn_k_norm'];

/** Hugging Face's name of each tensor that a model of the architecture must have, by ggml's name, in the model's order. */
export function expectedTensors(architecture: Architecture, layers: number): Map<string, HubName> {
  const names = new Map<string, HubName>([['token_embd.weight', OUTER['token_embd.weight']]]);
  for (let layer = 0; layer < layers; layer++) {
    for (const [inner, path] of Object.entries(INNER)) {
      if (architecture === 'gemma2' && QUERY_KEY_NORMS.includes(inner)) continue;
      const name = `model.layers.${layer}.${path}.weight`;
      names.set(`blk.${layer}.${inner}.weight`, { name, norm: inner.endsWith('norm') });
    }
  }
  return names.set('output_norm.weight', OUTER['output_norm.weight']);
}

/** The head of its own that a model may have. */
export const HEAD: readonly [ggml: string, hub: HubName] = ['output.weight', OUTER['output.weight']];

/** Tensors of the image part of a multimodal file, which text does not pass. */
export function isVision(name: string): boolean {
  return /^(v|mm)\./.test(name);
}

/** Factors on RoPE's frequencies; ones change nothing. */
export function isRopeFactors(name: string): boolean {
  return /^(blk\.\d+\.)?rope_freqs\.weight$/.test(name);
}

/** ggml's names by Hugging Face's, of all tensors that a model of the architecture may have. */
export function ggmlNames(architecture: Architecture, layers: number): Map<string, { ggml: string; norm: boolean }> {
  const all = [...expectedTensors(architecture, layers), HEAD];
  return new Map(all.map(([ggml, { name, norm }]) => [name, { ggml, norm }]));
}
