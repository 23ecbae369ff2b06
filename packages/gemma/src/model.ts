/** @file What a loaded Gemma 2 classifier is made of. */

import type { FrozenWeight, LoraConfig, LoraTarget } from '@arena/lora';
import type { Tensor1D } from '@tensorflow/tfjs-core';
import type { GemmaConfig, LinearName } from './config.js';
import type { EmbeddingTable } from './embedding.js';
import type { RopeAttrs } from './ops/rope/op.js';
import type { Parameter } from './parameter.js';

/** One linear module: a frozen weight, an adapter on it, or (in full fine-tuning) a trainable float weight. */
export interface Linear {
  path: string;
  weight: FrozenWeight;
  lora?: { A: Parameter; B: Parameter; scaling: number; dropout: number; index: number };
  /** Set when the weight itself is trained; `weight.tensor` is then its value. */
  trained?: Parameter;
}

/** The RMSNorms of a layer, by their names in modeling_gemma2.py. */
export type NormName =
  | 'input_layernorm'
  | 'post_attention_layernorm'
  | 'pre_feedforward_layernorm'
  | 'post_feedforward_layernorm';

/** A layer's norms in the order in which it applies them. */
export const NORM_NAMES: NormName[] = [
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
];

/** An RMSNorm's w [hiddenSize], of x r (1 + w). In full fine-tuning `trained` is set and `weight` is its value. */
export interface Norm {
  weight: Tensor1D;
  trained?: Parameter;
}

/** One decoder layer; `index` counts from 0. */
export interface Layer {
  index: number;
  linears: Record<LinearName, Linear>;
  norms: Record<NormName, Norm>;
}

/** A Gemma 2 sequence classifier on the current engine. */
export interface GemmaClassifier {
  config: GemmaConfig;
  /** `eager` is Gemma 2 as published; `sdpa` drops the soft cap, as transformers' default attention does. */
  attention: 'eager' | 'sdpa';
  /** See {@link RopeAttrs.frequencyDtype}. */
  ropeFrequencies: RopeAttrs['frequencyDtype'];
  embedding: EmbeddingTable;
  /** Set in full fine-tuning: the whole table on the device. */
  trainedEmbedding?: Parameter;
  layers: Layer[];
  norm: Norm;
  /** The head [numLabels, hiddenSize]; always trained. */
  score: Parameter;
  lora?: { config: LoraConfig; targets: LoraTarget[] };
  dispose(): Promise<void>;
}

/** Everything that training changes, in the model's order: per module lora_A then lora_B, the head last. */
export function trainableParameters(model: GemmaClassifier): Parameter[] {
  const parameters: (Parameter | undefined)[] = [model.trainedEmbedding];
  for (const { linears, norms } of model.layers) {
    for (const { lora, trained } of Object.values(linears)) parameters.push(lora?.A, lora?.B, trained);
    for (const { trained } of Object.values(norms)) parameters.push(trained);
  }
  parameters.push(model.norm.trained, model.score);
  return parameters.filter((parameter) => parameter !== undefined);
}
