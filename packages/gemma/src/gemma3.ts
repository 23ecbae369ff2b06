/**
 * @file Gemma 3's text model as data: its config.json in the form of transformers 4 and of transformers 5
 * (configuration_gemma3.py). Absent keys have that file's defaults, which hub files of 4B and up rely on.
 */
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

/** Gemma 3: norms of q and k, no soft caps in attention, a window in five of six layers, a RoPE base for each kind. */
export const gemma3: Family = {
  modelTypes: ['gemma3_text'],
  architectures: ['Gemma3TextForSequenceClassification', 'Gemma3ForCausalLM', 'Gemma3TextModel'],
  classifier: 'Gemma3TextForSequenceClassification',
  parseConfig(json, path): DecoderConfig {
    const fields = configFields(json, path);
    const { number, numberOrNone, only } = fields;
    only('attention_bias', false);
    only('hidden_activation', 'gelu_pytorch_tanh');
    only('is_causal', true);
    only('use_bidirectional_attention', false);
    fields.raw('hidden_act'); // Gemma 3 reads hidden_activation alone
    fields.raw('attn_logit_softcapping'); // Gemma3Attention never passes it on
    const common = commonConfig(fields, { vocabSize: 262208, hiddenSize: 2304, intermediateSize: 9216 });
    const { numLayers, ...heads } = headCounts(fields, { numLayers: 26, heads: 8, keyValueHeads: 4, headDim: 256 });
    const sliding = slidingLayers(fields, numLayers, everySixthIsFull(fields));
    const window = windowSize(fields, sliding, 4096);
    const rope = ropeShapes(fields);
    const shape = {
      ...heads,
      scale: number('query_pre_attn_scalar', 256) ** -0.5,
      softcap: 0,
      qkNorm: true,
      activation: 'gelu_tanh' as const,
    };
    const config: DecoderConfig = {
      modelType: 'gemma3_text',
      ...common,
      finalLogitSoftcapping: numberOrNone('final_logit_softcapping', 0),
      embeddingScale: embeddingFactor(common),
      layers: sliding.map((slides) =>
        slides ? { ...shape, rope: rope.sliding, window } : { ...shape, rope: rope.full, window: 0 },
      ),
    };
    fields.finish();
    return config;
  },
};

/** Which layers slide where no layer_types says so: all but each `sliding_window_pattern`-th. */
function everySixthIsFull(fields: ConfigFields): (layer: number) => boolean {
  const pattern = fields.size('sliding_window_pattern', 6);
  // transformers 5 writes this key beside layer_types and does not read it
  const noted = fields.raw('_sliding_window_pattern');
  if (noted !== undefined && noted !== pattern && fields.raw('layer_types') === undefined) {
    fields.fail(`_sliding_window_pattern is ${JSON.stringify(noted)}: say it as layer_types or sliding_window_pattern`);
  }
  return (layer) => (layer + 1) % pattern !== 0;
}

/** RoPE of the layers that see everything and of those that slide. Scaling of the old form belongs to the former alone. */
function ropeShapes(fields: ConfigFields) {
  const parameters = object(fields, 'rope_parameters') ?? {};
  const scaling = object(fields, 'rope_scaling');
  if (scaling && Object.keys(parameters).length) fields.fail('rope_scaling stands beside rope_parameters');
  for (const key of Object.keys(parameters)) {
    if (key === 'full_attention' || key === 'sliding_attention') continue;
    fields.fail(`rope_parameters has ${key}: full_attention and sliding_attention are known, with a table each`);
  }
  const theta = { full: fields.number('rope_theta', 1e6), sliding: fields.number('rope_local_base_freq', 1e4) };
  return {
    full: ropeShape(
      fields,
      scaling ? 'rope_scaling' : 'full_attention',
      scaling ?? parameters.full_attention,
      theta.full,
    ),
    sliding: ropeShape(fields, 'sliding_attention', parameters.sliding_attention, theta.sliding),
  };
}

/** config.json of google/gemma-3-270m, in the keys of transformers 5. */
export const GEMMA3_270M = {
  architectures: ['Gemma3ForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 2,
  dtype: 'bfloat16',
  eos_token_id: 1,
  head_dim: 256,
  hidden_activation: 'gelu_pytorch_tanh',
  hidden_size: 640,
  initializer_range: 0.02,
  intermediate_size: 2048,
  max_position_embeddings: 32768,
  model_type: 'gemma3_text',
  num_attention_heads: 4,
  num_hidden_layers: 18,
  num_key_value_heads: 1,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_parameters: {
    full_attention: { rope_theta: 1000000, rope_type: 'default' },
    sliding_attention: { rope_theta: 10000, rope_type: 'default' },
  },
  sliding_window: 512,
  tie_word_embeddings: true,
  use_cache: true,
  vocab_size: 262144,
};
