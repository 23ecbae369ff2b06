import { linearModules } from '@arena/decoder/family';
import { GEMMA3_270M, parseGemmaConfig } from '@arena/gemma';
import { expect, test } from 'vitest';

const parse = (fields: object) => parseGemmaConfig(JSON.stringify({ ...GEMMA3_270M, ...fields }), 'x/config.json');

test('google/gemma-3-270m: widths, and what each layer does', () => {
  const config = parse({});
  expect(config).toMatchObject({
    modelType: 'gemma3_text',
    hiddenSize: 640,
    intermediateSize: 2048,
    vocabSize: 262144,
  });
  const shape = { heads: 4, keyValueHeads: 1, headDim: 256, scale: 1 / 16, softcap: 0, qkNorm: true };
  const rope = { factor: 1, frequencyDtype: 'float32' };
  expect(config.layers).toHaveLength(18);
  expect(config.layers[0]).toEqual({ ...shape, window: 512, rope: { ...rope, theta: 1e4 }, activation: 'gelu_tanh' });
  expect(config.layers[5]).toEqual({ ...shape, window: 0, rope: { ...rope, theta: 1e6 }, activation: 'gelu_tanh' });
  expect(config.layers.flatMap(({ window }, i) => (window ? [] : [i]))).toEqual([5, 11, 17]);
  expect(config.embeddingScale).toBe(25.25); // sqrt(640) in bfloat16
  expect(config.finalLogitSoftcapping).toBe(0);
  const weights = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  expect(weights).toBe(100_270_080);
});

/** The keys of transformers 4. */
const OLD = {
  ...{ rope_parameters: undefined, rope_theta: 1e6, rope_local_base_freq: 1e4, rope_scaling: null },
  ...{ sliding_window_pattern: 6, dtype: undefined, torch_dtype: 'bfloat16', cache_implementation: 'hybrid' },
};

test('the form of transformers 4 says the same', () => {
  expect(parse(OLD)).toEqual(parse({}));
});

test('scaling of the old form is of the layers that see everything', () => {
  for (const rope_scaling of [
    { rope_type: 'linear', factor: 8 },
    { type: 'linear', factor: 8 },
  ]) {
    const { layers } = parse({ ...OLD, rope_scaling });
    expect([layers[5].rope.factor, layers[4].rope.factor]).toEqual([8, 1]);
  }
});

test('a base that rope_parameters leave out is the one beside them, or the default', () => {
  const only = (rope_parameters: object, more = {}) =>
    parse({ rope_parameters, ...more }).layers.map(({ rope }) => rope.theta);
  expect(only({ full_attention: { rope_type: 'default', rope_theta: 5e4 } }).slice(4, 6)).toEqual([1e4, 5e4]);
  const both = { full_attention: { rope_type: 'default' }, sliding_attention: { rope_type: 'default' } };
  expect(only(both, { rope_theta: 5e4, rope_local_base_freq: 300 }).slice(4, 6)).toEqual([300, 5e4]);
  expect(only({}).slice(4, 6)).toEqual([1e4, 1e6]);
});

test('layer_types win over a pattern', () => {
  const layer_types = Array.from({ length: 18 }, (_, i) => (i % 3 === 2 ? 'full_attention' : 'sliding_attention'));
  const full = (fields: object) => parse(fields).layers.flatMap(({ window }, i) => (window ? [] : [i]));
  expect(full({ sliding_window_pattern: 3 })).toEqual([2, 5, 8, 11, 14, 17]);
  expect(full({ layer_types, sliding_window_pattern: 2 })).toEqual([2, 5, 8, 11, 14, 17]);
  expect(full({ layer_types, _sliding_window_pattern: 6 })).toEqual([2, 5, 8, 11, 14, 17]);
});

test("keys that the hub's files of 4B leave out have the defaults of transformers", () => {
  const config = parseGemmaConfig('{ "model_type": "gemma3_text" }');
  expect(config).toMatchObject({ vocabSize: 262208, hiddenSize: 2304, intermediateSize: 9216, padTokenId: 0 });
  expect(config.layers).toHaveLength(26);
  expect(config.layers[0]).toMatchObject({ heads: 8, keyValueHeads: 4, headDim: 256, window: 4096, scale: 1 / 16 });
});

test('a cap on the scores of attention changes nothing, as in transformers', () => {
  expect(parse({ attn_logit_softcapping: 5 })).toEqual(parse({}));
});

test.each([
  [{ use_bidirectional_attention: true }, 'use_bidirectional_attention'],
  [{ layer_types: Array(18).fill('chunked_attention') }, 'chunked_attention'],
  [{ sliding_window: null }, 'sliding_window'],
  [{ _sliding_window_pattern: 3 }, '_sliding_window_pattern'],
  [{ rope_parameters: { rope_type: 'default', rope_theta: 5e4 } }, 'rope_parameters'],
  [{ rope_parameters: { full_attention: { rope_type: 'yarn', factor: 2 } } }, 'yarn'],
  [{ rope_parameters: { full_attention: { rope_type: 'linear' } } }, 'factor'],
  [{ rope_parameters: { full_attention: { rope_theta: 1e6, attention_factor: 2 } } }, 'attention_factor'],
  [{ rope_scaling: { rope_type: 'linear', factor: 8 } }, 'rope_scaling'],
  [{ attention_bias: true }, 'attention_bias'],
  [{ hidden_activation: 'silu' }, 'silu'],
])('refuses by name: %j', (fields, name) => {
  expect(() => parse(fields)).toThrow(name);
  expect(() => parse(fields)).toThrow(/^x\/config.json: /);
});
