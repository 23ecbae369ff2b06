/** @file Every tensor of a checkpoint: the one table that loading, describing, merging, random checkpoints and export read. */
import type { DecoderConfig } from './config.js';

/** Names of a layer's seven linear modules, in the model's order. */
const LINEAR_NAMES = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;

/** Path of a linear module within its layer, such as `mlp.gate_proj`. */
export type LinearName = (typeof LINEAR_NAMES)[number];

/** Path of an RMSNorm within its layer. */
export type NormName =
  | 'input_layernorm'
  | 'self_attn.q_norm'
  | 'self_attn.k_norm'
  | 'post_attention_layernorm'
  | 'pre_feedforward_layernorm'
  | 'post_feedforward_layernorm';

/** One tensor of a checkpoint, as config.json asks for it. */
export type TensorPlace = { name: string; shape: number[] } & (
  | { role: 'embedding' | 'final-norm' | 'head' }
  | { role: 'linear'; layer: number; module: LinearName; path: string }
  | { role: 'norm'; layer: number; module: NormName; path: string }
);

export const EMBEDDING_NAME = 'model.embed_tokens.weight';
export const FINAL_NORM_NAME = 'model.norm.weight';
export const HEAD_NAME = 'score.weight';
/** Of a causal model that is not tied to its embedding, or that says so twice. */
export const CAUSAL_HEAD_NAME = 'lm_head.weight';

/** The tensors of a classifier in the model's order; the head, which a causal checkpoint lacks, is the last. */
export function tensorTable(config: DecoderConfig): TensorPlace[] {
  const { hiddenSize, vocabSize, numLabels } = config;
  return [
    { name: EMBEDDING_NAME, shape: [vocabSize, hiddenSize], role: 'embedding' },
    ...config.layers.flatMap((_, layer) => layerTensors(config, layer)),
    { name: FINAL_NORM_NAME, shape: [hiddenSize], role: 'final-norm' },
    { name: HEAD_NAME, shape: [numLabels, hiddenSize], role: 'head' },
  ];
}

function layerTensors({ hiddenSize, intermediateSize, layers }: DecoderConfig, layer: number): TensorPlace[] {
  const { heads, keyValueHeads, headDim, qkNorm } = layers[layer];
  const queries = heads * headDim;
  const keys = keyValueHeads * headDim;
  const place = (module: string) => {
    const path = `model.layers.${layer}.${module}`;
    return { layer, path, name: `${path}.weight` };
  };
  const linear = (module: LinearName, inFeatures: number, outFeatures: number): TensorPlace => ({
    ...place(module),
    module,
    role: 'linear',
    shape: [outFeatures, inFeatures],
  });
  const norm = (module: NormName, width = hiddenSize): TensorPlace => ({
    ...place(module),
    module,
    role: 'norm',
    shape: [width],
  });
  return [
    linear('self_attn.q_proj', hiddenSize, queries),
    linear('self_attn.k_proj', hiddenSize, keys),
    linear('self_attn.v_proj', hiddenSize, keys),
    linear('self_attn.o_proj', queries, hiddenSize),
    linear('mlp.gate_proj', hiddenSize, intermediateSize),
    linear('mlp.up_proj', hiddenSize, intermediateSize),
    linear('mlp.down_proj', intermediateSize, hiddenSize),
    norm('input_layernorm'),
    ...(qkNorm ? [norm('self_attn.q_norm', headDim), norm('self_attn.k_norm', headDim)] : []),
    norm('post_attention_layernorm'),
    norm('pre_feedforward_layernorm'),
    norm('post_feedforward_layernorm'),
  ];
}

/** A linear module of the model; the head is not among them. */
export interface DecoderLinear {
  layer: number;
  name: LinearName;
  /** Such as `model.layers.6.self_attn.q_proj`. */
  path: string;
  inFeatures: number;
  outFeatures: number;
}

/** Every linear module by path, with its width in and out, in the model's order. */
export function linearModules(config: DecoderConfig): DecoderLinear[] {
  return tensorTable(config).flatMap((place) => {
    if (place.role !== 'linear') return [];
    const { layer, module, path, shape } = place;
    return [{ layer, name: module, path, inFeatures: shape[1], outFeatures: shape[0] }];
  });
}
