/** @file What a loaded classifier is made of. */
import type { LoraConfig, LoraTarget } from '@arena/lora';
import type { FrozenWeight } from '@arena/lora/ops';
import type { Parameter } from '@arena/runtime';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { DecoderConfig, LayerShape } from './config.js';
import type { EmbeddingTable } from './embedding-table.js';
import type { LinearName, NormName } from './tensors.js';

/** One linear module: a frozen weight, an adapter on it, or (in full fine-tuning) a trainable float weight. */
export interface Linear {
  path: string;
  weight: FrozenWeight;
  lora?: { A: Parameter; B: Parameter; scaling: number; dropout: number; index: number };
  /** Set when the weight itself is trained; `weight.tensor` is then its value. */
  trained?: Parameter;
}

/** An RMSNorm's w [width], of x r (1 + w). In full fine-tuning `trained` is set and `weight` is its value. */
export interface Norm {
  weight: Tensor1D;
  trained?: Parameter;
}

/** The half of a layer that mixes tokens. */
export interface Attention {
  shape: LayerShape;
  q_proj: Linear;
  k_proj: Linear;
  v_proj: Linear;
  o_proj: Linear;
  input_layernorm: Norm;
  /** Of each head's query [headDim], where the shape has `qkNorm`. */
  q_norm?: Norm;
  k_norm?: Norm;
  post_attention_layernorm: Norm;
}

/** The half of a layer that works on each token alone. */
export interface Mlp {
  gate_proj: Linear;
  up_proj: Linear;
  down_proj: Linear;
  pre_feedforward_layernorm: Norm;
  post_feedforward_layernorm: Norm;
}

/** One decoder layer; `index` counts from 0. */
export interface Layer {
  index: number;
  attention: Attention;
  mlp: Mlp;
}

/** A sequence classifier on the current engine. */
export interface Classifier {
  config: DecoderConfig;
  embedding: EmbeddingTable;
  /** Rows of a causal head that is not tied to the embedding. */
  causalHead?: EmbeddingTable;
  /** Set in full fine-tuning: the whole table on the device. */
  trainedEmbedding?: Parameter;
  layers: Layer[];
  norm: Norm;
  /** The head [numLabels, hiddenSize]; always trained. */
  score: Parameter;
  lora?: { config: LoraConfig; targets: LoraTarget[] };
  dispose(): Promise<void>;
}

/** A layer whose modules are still to be put in. */
export function emptyLayer(index: number, shape: LayerShape): Layer {
  return { index, attention: { shape }, mlp: {} } as Layer;
}

/** Puts a module where the layer has it: `self_attn.q_proj` in its attention, `mlp.up_proj` in its MLP. */
export function putModule(layer: Layer, name: LinearName | NormName, module: Linear | Norm): void {
  const isMlp = name.startsWith('mlp.') || name.endsWith('_feedforward_layernorm');
  const half = (isMlp ? layer.mlp : layer.attention) as unknown as Record<string, Linear | Norm>;
  half[name.slice(name.indexOf('.') + 1)] = module;
}

/** A layer's linear modules in the model's order; of a layer that is still being built, those that are there. */
export function linearsOf({ attention, mlp }: Layer): Linear[] {
  const { q_proj, k_proj, v_proj, o_proj } = attention;
  const linears = [q_proj, k_proj, v_proj, o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj];
  return linears.filter((linear) => linear !== undefined);
}

/** A layer's norms in the order in which it applies them, as {@link linearsOf}. */
export function normsOf({ attention, mlp }: Layer): Norm[] {
  const { input_layernorm, q_norm, k_norm, post_attention_layernorm } = attention;
  const { pre_feedforward_layernorm, post_feedforward_layernorm } = mlp;
  const norms = [input_layernorm, q_norm, k_norm, post_attention_layernorm];
  return [...norms, pre_feedforward_layernorm, post_feedforward_layernorm].filter((norm) => norm !== undefined);
}

/** Everything that training changes, in the model's order: per module lora_A then lora_B, the head last. */
export function trainableParameters(model: Classifier): Parameter[] {
  const parameters: (Parameter | undefined)[] = [model.trainedEmbedding];
  for (const layer of model.layers) {
    for (const { lora, trained } of linearsOf(layer)) parameters.push(lora?.A, lora?.B, trained);
    for (const { trained } of normsOf(layer)) parameters.push(trained);
  }
  parameters.push(model.norm.trained, model.score);
  return parameters.filter((parameter) => parameter !== undefined);
}
