/** @file What decides a decoder-only transformer's arithmetic, as data: a family's parser fills it in, everything else reads it. */
import type { ProblemType } from './loss.js';

/** Rotary position embedding of a layer (Su et al. 2021). */
export interface RopeShape {
  /** Base of the frequencies, config.json's rope_theta. */
  theta: number;
  /** Linear scaling: positions count as position / factor. 1 for none. */
  factor: number;
  /** `bfloat16` rounds the frequencies as torch's `model.to(bfloat16)` does to its buffers; a fresh load keeps float32. */
  frequencyDtype: 'float32' | 'bfloat16';
}

/** One layer's attention and MLP beyond their widths. */
export interface LayerShape {
  heads: number;
  keyValueHeads: number;
  headDim: number;
  /** Factor of q k^T. */
  scale: number;
  /** Attention logits are capped at this by tanh; 0 for no cap. */
  softcap: number;
  /** Tokens that a query sees, itself among them; 0 for all before it. */
  window: number;
  rope: RopeShape;
  /** Whether q and k of each head pass an RMSNorm [headDim] before the rotation. */
  qkNorm: boolean;
  activation: 'gelu_tanh';
}

/** A model as the layers, the loader and the planner see it. Names are those of config.json, in camel case. */
export interface DecoderConfig {
  /** config.json's model_type, such as `gemma2`. */
  modelType: string;
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  rmsNormEps: number;
  /** Factor on the rows of the embedding table on the way in. */
  embeddingScale: number;
  /** One for each layer, the lowest first. */
  layers: LayerShape[];
  /** Of the causal head alone. 0 when the model has none. */
  finalLogitSoftcapping: number;
  padTokenId: number;
  numLabels: number;
  /** Which loss the head is trained with; undefined lets transformers choose by the number of labels. */
  problemType?: ProblemType;
  /** Type of the checkpoint's weights. */
  dtype: 'float32' | 'bfloat16' | 'float16';
  /** Modules that a 4-bit checkpoint keeps in full precision; undefined for transformers' default (the head). */
  skipModules?: string[];
  /** Whether its linears are stored in 4 bits. */
  quantized?: boolean;
}

/** A family of models: which config.json files are its own, and what they say. Everything else about it is data. */
export interface Family {
  /** config.json's model_type, one for each kind of checkpoint. */
  modelTypes: readonly string[];
  /** config.json's architectures[0], where it is given. */
  architectures: readonly string[];
  /** transformers' class for the sequence classifier, which a merged checkpoint is given. */
  classifier: string;
  /**
   * Reads a config.json of one of these types.
   * @throws DecoderError naming the file and the field that is missing, cannot be, or would change the arithmetic and is not known.
   */
  parseConfig(json: Record<string, unknown>, path: string): DecoderConfig;
}
