import { bytesSource } from '@arena/files';
import { GgufError, ggufConfig, openGguf } from '@arena/gguf';
import { describe, expect, test } from 'vitest';
import { floats, tinyPairs } from './tiny-model.js';
import { type Pair, writeGguf } from './write-gguf.js';

type More = Record<string, [Pair[1], unknown]>;

/** The config of a file of two layers (unless `more` says otherwise) and width 8. */
async function configOf(architecture: string, more: More = {}, others: Pair[] = [], names: string[] = []) {
  const width = Number(more.embedding_length?.[1] ?? 8);
  const tensors = [floats('token_embd.weight', [6, width]), ...names.map((name) => floats(name, [1, width]))];
  const pairs = [...tinyPairs(architecture, more), ...others];
  const file = await openGguf(bytesSource(writeGguf({ pairs, tensors })));
  return ggufConfig(file.metadata, file.tensors, 'tiny.gguf');
}

const S = 'sliding_attention';
const F = 'full_attention';
const rope = (config: Record<string, unknown>) => config.rope_parameters as Record<string, Record<string, unknown>>;

describe('Gemma 3', () => {
  test('where the file is silent', async () => {
    const config = await configOf('gemma3', { block_count: ['u32', 13], 'attention.sliding_window': ['u32', 4] });
    expect(config).toEqual({
      architectures: ['Gemma3ForCausalLM'],
      attention_bias: false,
      attention_dropout: 0,
      attn_logit_softcapping: null,
      final_logit_softcapping: null,
      head_dim: 4, // 8 / 2 heads
      hidden_activation: 'gelu_pytorch_tanh',
      hidden_size: 8,
      intermediate_size: 16,
      layer_types: [S, S, S, S, S, F, S, S, S, S, S, F, S],
      model_type: 'gemma3_text',
      num_attention_heads: 2,
      num_hidden_layers: 13,
      num_key_value_heads: 1,
      query_pre_attn_scalar: 4,
      rms_norm_eps: 1e-6,
      rope_parameters: {
        full_attention: { rope_theta: 10000, rope_type: 'default' },
        sliding_attention: { rope_theta: 10000, rope_type: 'default' },
      },
      sliding_window: 4,
      tie_word_embeddings: true,
      use_bidirectional_attention: false,
      vocab_size: 6,
    });
  });

  test('base and scaling of the file are of the full layers alone', async () => {
    const scaled: More = { 'rope.scaling.type': ['string', 'linear'], 'rope.scaling.factor': ['f32', 8] };
    const config = await configOf('gemma3', { 'rope.freq_base': ['f32', 1e6], ...scaled });
    expect(rope(config)).toEqual({
      full_attention: { factor: 8, rope_theta: 1000000, rope_type: 'linear' },
      sliding_attention: { rope_theta: 10000, rope_type: 'default' },
    });
    const none = await configOf('gemma3', { ...scaled, 'rope.scaling.type': ['string', 'none'] });
    expect(rope(none).full_attention).toEqual({ rope_theta: 10000, rope_type: 'default' });
    const old = await configOf('gemma3', { 'rope.scale_linear': ['f32', 2] });
    expect(rope(old).full_attention).toEqual({ factor: 2, rope_theta: 10000, rope_type: 'linear' });
    const local = await configOf('gemma3', { 'rope.freq_base_swa': ['f32', 500] });
    expect(rope(local).sliding_attention).toEqual({ rope_theta: 500, rope_type: 'default' });
  });

  test('which layers slide: a number, a list, no window', async () => {
    const layers = async (more: More) => (await configOf('gemma3', { block_count: ['u32', 4], ...more })).layer_types;
    const window: More = { 'attention.sliding_window': ['u32', 4] };
    const key = 'attention.sliding_window_pattern';
    expect(await layers({ ...window, [key]: ['u32', 3] })).toEqual([S, S, F, S]);
    expect(await layers({ ...window, [key]: ['u32', 1] })).toEqual([F, F, F, F]);
    expect(await layers({ ...window, [key]: ['u32', 0] })).toEqual([S, S, S, S]);
    expect(await layers({ ...window, [key]: [['bool'], [false, true, true, false]] })).toEqual([F, S, S, F]);
    expect(await layers({ [key]: ['u32', 3] })).toEqual([F, F, F, F]);
    await expect(layers({ ...window, [key]: [['bool'], [false]] })).rejects.toThrow(
      /sliding_window_pattern": has 1 entries for 4/,
    );
    await expect(layers({ ...window, [key]: ['f32', 1.5] })).rejects.toThrow(/sliding_window_pattern": is 1.5/);
  });

  test('27B is told by its layers: the scale is of the hidden width', async () => {
    const sizes: More = {
      block_count: ['u32', 62],
      embedding_length: ['u32', 5376],
      'attention.head_count': ['u32', 32],
      'attention.key_length': ['u32', 128],
    };
    expect(await configOf('gemma3', sizes)).toMatchObject({ head_dim: 128, query_pre_attn_scalar: 168 });
    const config = await configOf('gemma3', { ...sizes, block_count: ['u32', 48] });
    expect(config).toMatchObject({ head_dim: 128, query_pre_attn_scalar: 128 });
  });

  test('ids, context, a head of its own, a cap of the scores', async () => {
    const ids: Pair[] = [
      ['tokenizer.ggml.bos_token_id', 'u32', 2],
      ['tokenizer.ggml.eos_token_id', 'u32', 1],
      ['tokenizer.ggml.padding_token_id', 'u32', 0],
    ];
    const more: More = { context_length: ['u32', 32768], final_logit_softcapping: ['f32', 30] };
    expect(await configOf('gemma3', more, ids, ['output.weight'])).toMatchObject({
      bos_token_id: 2,
      eos_token_id: 1,
      pad_token_id: 0,
      max_position_embeddings: 32768,
      final_logit_softcapping: 30,
      tie_word_embeddings: false,
    });
  });

  test("Ollama's files: other keys for the bases, an epsilon and a scaling left out", async () => {
    const long: More = { context_length: ['u32', 131072] };
    const pairs = tinyPairs('gemma3', long).filter(([key]) => !key.endsWith('epsilon'));
    const read = async (more: Pair[], names: string[] = []) => {
      const tensors = [floats('token_embd.weight', [6, 8]), ...names.map((name) => floats(name, [1, 8]))];
      const file = await openGguf(bytesSource(writeGguf({ pairs: [...pairs, ...more], tensors })));
      return ggufConfig(file.metadata, file.tensors);
    };
    const named = await read([
      ['gemma3.rope.global.freq_base', 'f32', 500000],
      ['gemma3.rope.local.freq_base', 'f32', 700],
    ]);
    expect(named.rms_norm_eps).toBe(1e-6);
    expect(rope(named)).toEqual({
      full_attention: { factor: 8, rope_theta: 500000, rope_type: 'linear' },
      sliding_attention: { rope_theta: 700, rope_type: 'default' },
    });
    expect(rope(await read([], ['v.patch_embedding.weight'])).full_attention.rope_theta).toBe(1000000);
    await expect(read([])).rejects.toThrow(/layer_norm_rms_epsilon": is missing/);
  });
});

describe('Gemma 2', () => {
  test('where the file is silent', async () => {
    const config = await configOf('gemma2', { block_count: ['u32', 3] });
    expect(config).toMatchObject({
      architectures: ['Gemma2ForCausalLM'],
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      head_dim: 4,
      layer_types: [S, F, S],
      model_type: 'gemma2',
      query_pre_attn_scalar: 4,
      rope_parameters: { rope_theta: 10000, rope_type: 'default' },
      sliding_window: 4096,
    });
    expect(config).not.toHaveProperty('use_bidirectional_attention');
  });

  test('caps, window and scale of 27B', async () => {
    const more: More = {
      block_count: ['u32', 46],
      embedding_length: ['u32', 4608],
      'attention.head_count': ['u32', 32],
      'attention.key_length': ['u32', 128],
      'attention.sliding_window': ['u32', 7],
      attn_logit_softcapping: ['f32', 20],
      final_logit_softcapping: ['f32', 0.1],
    };
    expect(await configOf('gemma2', more)).toMatchObject({
      query_pre_attn_scalar: 144,
      sliding_window: 7,
      attn_logit_softcapping: 20,
      final_logit_softcapping: 0.1,
    });
  });
});

describe('what is missing, cannot be or is not followed is refused by its key', () => {
  const without = (key: string) => tinyPairs('gemma3').filter(([name]) => name !== `gemma3.${key}`);
  test.each([
    'block_count',
    'embedding_length',
    'feed_forward_length',
    'attention.head_count',
    'attention.layer_norm_rms_epsilon',
  ])('no %s', async (key) => {
    const tensors = [floats('token_embd.weight', [6, 8])];
    const file = await openGguf(bytesSource(writeGguf({ pairs: without(key), tensors })));
    expect(() => ggufConfig(file.metadata, file.tensors)).toThrow(`key "gemma3.${key}": is missing`);
  });

  test.each<[string, string, Pair[1], unknown, RegExp]>([
    ['gemma3', 'block_count', 'u32', 0, /is 0, not a size/],
    ['gemma3', 'block_count', 'u32', 4000, /is 4000, at most 1000/],
    ['gemma3', 'block_count', 'string', 'two', /is "two", not a size/],
    ['gemma3', 'attention.head_count', ['u32'], [2, 4], /layers that differ/],
    ['gemma3', 'attention.layer_norm_rms_epsilon', 'f32', Number.NaN, /is NaN, not a number/],
    ['gemma3', 'attention.value_length', 'u32', 8, /is 8, which would change the result: only 4/],
    ['gemma3', 'rope.dimension_count', 'u32', 2, /is 2, which would change/],
    ['gemma3', 'rope.scaling.type', 'string', 'yarn', /is "yarn"; "linear" and "none"/],
    ['gemma3', 'rope.scaling.factor', 'f32', -1, /is -1, not above 0/],
    ['gemma3', 'rope.scaling.attn_factor', 'f32', 2, /is 2, which would change/],
    ['gemma3', 'rope.freq_base', 'f32', 0, /is 0, not above 0/],
    ['gemma3', 'attention.causal', 'bool', false, /is false, which would change/],
    ['gemma3', 'attn_logit_softcapping', 'f32', 50, /is 50, which would change/],
    ['gemma3', 'attention.sliding_window', 'i32', -1, /is -1, not a number of tokens/],
    ['gemma2', 'rope.scaling.factor', 'f32', 8, /is 8: RoPE scaling of a Gemma 2/],
    ['gemma2', 'rope.freq_base_swa', 'f32', 500, /is 500: another base in window layers/],
    ['gemma2', 'expert_count', 'u32', 8, /is 8, which would change/],
  ])('%s.%s', async (architecture, key, type, value, message) => {
    const error = await configOf(architecture, { [key]: [type, value] }).catch((reason) => reason);
    expect(error).toBeInstanceOf(GgufError);
    expect(error).toMatchObject({ code: 'metadata', key: `${architecture}.${key}`, file: 'tiny.gguf' });
    expect(error.message).toMatch(message);
  });

  test('one number for all layers may be a list', async () => {
    expect(await configOf('gemma3', { feed_forward_length: [['u32'], [16, 16]] })).toMatchObject({
      intermediate_size: 16,
    });
  });

  test('no embedding, another architecture', async () => {
    const file = await openGguf(bytesSource(writeGguf({ pairs: tinyPairs('gemma3') })));
    expect(() => ggufConfig(file.metadata, file.tensors)).toThrow(/tensor "token_embd.weight": is missing/);
    await expect(configOf('gemma4')).rejects.toMatchObject({ code: 'architecture' });
  });
});
