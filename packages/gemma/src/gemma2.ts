/** @file Gemma 2 as data: its config.json in the form of transformers 4 and of transformers 5 (configuration_gemma2.py). */
import type { DecoderConfig, Family } from '@arena/decoder';
import {
  type ConfigFields,
  commonConfig,
  configFields,
  embeddingFactor,
  headCounts,
  object,
  ropeShape,
  slidingLayers,
  windowSize,
} from '@arena/decoder/family';

/** Gemma 2: soft caps, a window in every second layer, one RoPE base. */
export const gemma2: Family = {
  modelTypes: ['gemma2'],
  architectures: ['Gemma2ForSequenceClassification', 'Gemma2ForCausalLM', 'Gemma2Model'],
  classifier: 'Gemma2ForSequenceClassification',
  parseConfig(json, path): DecoderConfig {
    const fields = configFields(json, path);
    const { number, numberOrNone, only } = fields;
    only('attention_bias', false);
    only('hidden_activation', 'gelu_pytorch_tanh');
    only('is_causal', true);
    only('use_bidirectional_attention', false);
    fields.raw('hidden_act'); // Gemma 2 reads hidden_activation alone
    fields.raw('sliding_window_size'); // an early spelling of sliding_window, which stands beside it
    const common = commonConfig(fields);
    const { numLayers, heads, keyValueHeads, headDim } = headCounts(fields, { headDim: 256 });
    const sliding = slidingLayers(fields, numLayers, (layer) => layer % 2 === 0);
    const window = windowSize(fields, sliding, 4096);
    const shape = {
      heads,
      keyValueHeads,
      headDim,
      scale: number('query_pre_attn_scalar', 256) ** -0.5,
      softcap: numberOrNone('attn_logit_softcapping', 50),
      rope: rope(fields),
      qkNorm: false,
      activation: 'gelu_tanh' as const,
    };
    const config: DecoderConfig = {
      modelType: 'gemma2',
      ...common,
      finalLogitSoftcapping: numberOrNone('final_logit_softcapping', 30),
      embeddingScale: embeddingFactor(common),
      layers: sliding.map((slides) => ({ ...shape, window: slides ? window : 0 })),
    };
    fields.finish();
    return config;
  },
};

/** One RoPE for all layers: `rope_parameters`, or `rope_scaling` as transformers 4 wrote it beside `rope_theta`. */
function rope(fields: ConfigFields) {
  const parameters = object(fields, 'rope_parameters');
  const scaling = object(fields, 'rope_scaling');
  if (scaling && parameters && Object.keys(parameters).length)
    fields.fail('rope_scaling stands beside rope_parameters');
  const name = scaling ? 'rope_scaling' : 'rope_parameters';
  return ropeShape(fields, name, scaling ?? parameters, fields.number('rope_theta', 10000));
}

/** config.json of google/gemma-2-2b, in the keys of transformers 4 (transformers 5 reads them too). */
export const GEMMA2_2B = {
  architectures: ['Gemma2ForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  attn_logit_softcapping: 50,
  bos_token_id: 2,
  eos_token_id: 1,
  final_logit_softcapping: 30,
  head_dim: 256,
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 2304,
  initializer_range: 0.02,
  intermediate_size: 9216,
  max_position_embeddings: 8192,
  model_type: 'gemma2',
  num_attention_heads: 8,
  num_hidden_layers: 26,
  num_key_value_heads: 4,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  sliding_window: 4096,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  use_cache: true,
  vocab_size: 256000,
};
