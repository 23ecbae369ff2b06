import { linearModules } from '@arena/decoder/family';
import { GEMMA2_2B, parseGemmaConfig } from '@arena/gemma';
import { expect, test } from 'vitest';

const parse = (fields: object) => parseGemmaConfig(JSON.stringify({ ...GEMMA2_2B, ...fields }), 'x/config.json');

test('google/gemma-2-2b: widths, and what each layer does', () => {
  const config = parse({});
  expect(config).toMatchObject({ modelType: 'gemma2', hiddenSize: 2304, intermediateSize: 9216, vocabSize: 256000 });
  expect(config.layers).toHaveLength(26);
  const shape = { heads: 8, keyValueHeads: 4, headDim: 256, scale: 1 / 16, softcap: 50, qkNorm: false };
  const rope = { theta: 10000, factor: 1, frequencyDtype: 'float32' };
  expect(config.layers[0]).toEqual({ ...shape, window: 4096, rope, activation: 'gelu_tanh' });
  expect(config.layers[1]).toEqual({ ...shape, window: 0, rope, activation: 'gelu_tanh' });
  expect(config.embeddingScale).toBe(48); // sqrt(2304), which bfloat16 holds
  // the published count of the linears
  const weights = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  expect(weights).toBe(2_024_275_968);
});

test('both forms of transformers are read', () => {
  const { rope_theta, torch_dtype, ...rest } = GEMMA2_2B;
  const layer_types = Array.from({ length: 26 }, (_, i) => (i % 2 ? 'full_attention' : 'sliding_attention'));
  const rope_parameters = { rope_theta, rope_type: 'default' };
  const recent = { ...rest, dtype: torch_dtype, layer_types, rope_parameters, use_bidirectional_attention: null };
  expect(parseGemmaConfig(JSON.stringify(recent))).toEqual(parse({}));
});

test.each([
  [{ num_attention_heads: 3 }, 'no multiple'],
  [{ head_dim: 7 }, 'odd'],
  [{ hidden_size: -1 }, 'hidden_size is -1'],
  [{ vocab_size: '50' }, 'vocab_size is "50", not a number'],
  [{ attention_bias: true }, 'attention_bias'],
  [{ hidden_activation: 'relu' }, 'relu'],
  [{ layer_types: ['full_attention'] }, 'layer_types has 1 entries for 26 layers'],
  [{ layer_types: Array(26).fill('chunked_attention') }, 'layer_types has "chunked_attention"'],
  [{ quantization_config: { quant_method: 'gptq' } }, 'gptq'],
  [{ id2label: 5 }, 'id2label is 5'],
  [{ rope_parameters: 'x' }, 'rope_parameters is "x"'],
  [{ num_hidden_layers: 100000 }, 'at most 1000'],
  [{ num_hidden_layers: 2, model_type: 'qwen3' }, 'model_type "qwen3"'],
])('refuses %j', (fields, message) => {
  expect(() => parse(fields)).toThrow(message);
  expect(() => parse(fields)).toThrow(/^x\/config.json: /);
});

test.each([
  { rope_scaling: { type: 'yarn', factor: 8 } },
  { rope_scaling: { rope_type: 'linear' } },
  { rope_scaling: { rope_type: 'linear', factor: 8, beta_fast: 32 } },
  { rope_parameters: { type: 'dynamic', factor: 8 } },
  { rope_parameters: { full_attention: { rope_theta: 5 } } },
  { is_causal: null },
  { sliding_window: null },
  { head_dim: null },
  { query_pre_attn_scalar: null },
  { pruned_heads: { 0: [1] } },
  { is_encoder_decoder: true },
  { rope_parameters: { rope_theta: 10000, rope_type: 'default', factor: 8 } },
  { is_causal: false },
  { use_bidirectional_attention: true },
  { sliding_window_pattern: 6 },
  { logit_scale: 0.5 },
])('a field that changes the arithmetic and is not read is refused by name: %j', (fields) => {
  const [name] = Object.keys(fields);
  expect(() => parse(fields)).toThrow(name);
});

test('linear scaling in the spellings of transformers 4 and 5', () => {
  const scaled = parse({ rope_parameters: { rope_theta: 10000, rope_type: 'linear', factor: 8 } });
  expect(scaled.layers[0].rope).toEqual({ theta: 10000, factor: 8, frequencyDtype: 'float32' });
  for (const key of ['type', 'rope_type']) {
    expect(parse({ rope_scaling: { [key]: 'linear', factor: 8 } })).toEqual(scaled);
    expect(parse({ rope_scaling: { [key]: 'default' } })).toEqual(parse({}));
  }
  const beside = { rope_scaling: { type: 'linear', factor: 8 }, rope_parameters: { rope_type: 'default' } };
  expect(() => parse(beside)).toThrow('rope_scaling stands beside rope_parameters');
});

test('a window of null is no window where no layer slides', () => {
  const layer_types = Array(26).fill('full_attention');
  expect(parse({ sliding_window: null, layer_types })).toEqual(parse({ layer_types }));
});

test('NaN where nobody reads it is no reason to refuse a file', () => {
  expect(
    parseGemmaConfig(JSON.stringify(GEMMA2_2B).replace('"initializer_range":0.02', '"initializer_range":NaN')),
  ).toEqual(parse({}));
  const read = JSON.stringify(GEMMA2_2B).replace('"rms_norm_eps":0.000001', '"rms_norm_eps":NaN');
  expect(() => parseGemmaConfig(read)).toThrow('rms_norm_eps is NaN, not a number');
});

test('fields that change nothing are passed by', () => {
  const notes = { _name_or_path: 'x', transformers_version: '4.42.4', unsloth_fixed: true, max_position_embeddings: 1 };
  const generation = { cache_implementation: 'hybrid', top_k: 50, eos_token_id: [1, 107], do_sample: false };
  const absent = { rope_scaling: null, is_causal: true, use_bidirectional_attention: false, sliding_window_size: 4096 };
  expect(parse({ ...notes, ...generation, ...absent, some_future_switch: false })).toEqual(parse({}));
});

test.each([
  ['null', 'not a JSON object'],
  ['[]', 'not a JSON object'],
  ['{', 'not JSON'],
])('config.json %s', (text, message) => {
  expect(() => parseGemmaConfig(text)).toThrow(message);
});
