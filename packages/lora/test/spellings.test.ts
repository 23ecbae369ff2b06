/**
 * @file Adapters in other spellings: adapter_config.json with empty values and fields of other versions (what PEFT 0.21 makes of
 * them: `if config.exclude_modules:`), and keys as `state_dict()` has them before PEFT takes names off.
 */
import { bytesFolder } from '@arena/files';
import { initAdapter, loadAdapter, loraConfig, parseLoraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { serialize } from '@arena/safetensors';
import { describe, expect, test } from 'vitest';

const MODULES = [0, 1, 10].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj'].map((name) => {
    return { path: `model.layers.${layer}.${name}`, inFeatures: 8, outFeatures: 4 };
  }),
);
const PLAIN = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj', 'v_proj'] };
const parse = (fields: object) => parseLoraConfig(JSON.stringify({ ...PLAIN, ...fields }));

describe('adapter_config.json', () => {
  test.each([
    ...['exclude_modules', 'layers_to_transform', 'layers_pattern', 'modules_to_save'].flatMap((field) =>
      [null, [], '']
        .filter((value) => field !== 'modules_to_save' || value !== '')
        .map((value) => ({ [field]: value })),
    ),
    ...['rank_pattern', 'alpha_pattern'].flatMap((field) => [null, {}, []].map((value) => ({ [field]: value }))),
    { alora_invocation_tokens: [], use_bdlora: null, arrow_config: {}, layer_replication: [], target_parameters: [] },
    { use_dora: null, use_rslora: null, bias: null, fan_in_fan_out: null, loftq_config: null, init_lora_weights: null },
    { enable_lora: null, merge_weights: false, some_future_option: null, another_future_flag: false },
    {
      peft_version: '9.9',
      qalora_group_size: 32,
      eva_config: { rho: 2 },
      runtime_config: { ephemeral_gpu_offload: false },
    },
  ])('%j says nothing', (fields) => {
    expect(parse(fields)).toEqual(parse({}));
  });

  test.each([
    [{ alora_invocation_tokens: [5] }, 'alora_invocation_tokens is [5], only null is known'],
    [{ arrow_config: { top_k: 3 } }, 'arrow_config is {"top_k":3}'],
    [{ use_bdlora: { nblocks: 4 } }, 'use_bdlora is'],
    [{ kasa_config: { beta: 1e-4 } }, 'kasa_config is'],
    [{ monteclora_config: { num_samples: 4 } }, 'monteclora_config is'],
    [{ megatron_config: { a: 1 } }, 'megatron_config is'],
    [{ use_qalora: true }, 'use_qalora is true'],
    [{ trainable_token_indices: [1] }, 'trainable_token_indices is [1]'],
    [{ lora_bias: true }, 'lora_bias is true'],
    [{ lora_parameters: { rank: 8 } }, 'lora_parameters is {"rank":8}, it is not known here and may change the result'],
    [{ r: null }, 'r is null'],
    [{ lora_alpha: null }, 'lora_alpha is null'],
    [{ init_lora_weights: 'olora' }, 'init_lora_weights is "olora"'],
    [{ init_lora_weights: 'pissa_niter_4' }, 'init_lora_weights is "pissa_niter_4"'],
    [{ target_modules: [], layers_pattern: 'layers' }, 'layers_pattern is "layers"'],
    [{ target_modules: '.*\\.[qk_proj' }, 'unterminated character set at position 4'],
    [{ rank_pattern: { '(?i)Q_PROJ': 4 } }, 'global flags not at the start of the expression'],
  ])('%j is refused by name', (fields, message) => {
    expect(() => parse(fields)).toThrow(message);
  });

  test.each(['eva', 'orthogonal', 'gaussian', 'Gaussian'])('init_lora_weights %s loads', (init_lora_weights) => {
    expect(parse({ init_lora_weights }).init_lora_weights).toBe(init_lora_weights.toLowerCase());
  });

  test('what is not drawn here is said', () => {
    const config = loraConfig({ init_lora_weights: 'eva' });
    expect(() => initAdapter(config, resolveTargets(config, MODULES), 1)).toThrow("'eva' is read and not drawn");
  });

  // Which of the modules PEFT 0.21.2's check_target_module_exists takes, and get_pattern_key's ranks.
  test.each([
    [{ target_modules: '\\A.*\\.(q|v)_proj\\Z' }, 6],
    [{ target_modules: '(?i).*\\.SELF_ATTN\\..*' }, 6],
    [{ target_modules: '.*\\.(?P<which>q|v)_proj' }, 6],
    [{ target_modules: '.*\\.[qv]++_proj' }, 6],
    [{ target_modules: '.*\\.\\d{,1}\\.mlp\\..*' }, 2],
    [{ layers_to_transform: 1 }, 2],
    [{ layers_to_transform: [1, 10], layers_pattern: 'layers' }, 4],
    [{ layers_to_transform: [1], layers_pattern: ['h', 'lay.*'] }, 2],
    [{ layers_to_transform: [1], layers_pattern: 'layers|h' }, 0],
    [{ target_modules: 'all-linear', modules_to_save: ['up_proj', 'score'] }, 6],
    [{ exclude_modules: '.*\\.0\\..*' }, 4],
  ])('%j targets %i modules', (fields, count) => {
    const targets = () => resolveTargets(parse(fields), MODULES);
    if (count === 0) expect(targets).toThrow('no linear layer matches');
    else expect(targets()).toHaveLength(count);
  });

  test('ranks by Python patterns', () => {
    const ranks = (rank_pattern: object) => resolveTargets(parse({ rank_pattern }), MODULES).map(({ r }) => r);
    expect(ranks({ '^model\\.layers\\.0\\.self_attn\\.q_proj': 8 })).toEqual([8, 2, 2, 2, 2, 2]);
    expect(ranks({ 'layers\\.1.*q_proj': 8, q_proj: 16 })).toEqual([16, 2, 8, 2, 8, 2]);
    expect(ranks({ 'q_proj\\Z|v_proj': 8 })).toEqual([8, 8, 8, 8, 8, 8]);
  });
});

/** A folder with one pair and a head under other keys. */
function folder(keys: Record<string, [number, number]>) {
  const tensors = Object.entries(keys).map(([name, shape], i) => {
    const values = Float32Array.from({ length: shape[0] * shape[1] }, (_, k) => i + k / 8);
    return { name, dtype: 'F32' as const, shape, data: new Uint8Array(values.buffer) };
  });
  return bytesFolder({
    'adapter_config.json': JSON.stringify({ ...PLAIN, target_modules: ['q_proj'] }),
    'adapter_model.safetensors': serialize(tensors),
  });
}
const Q = 'model.layers.0.self_attn.q_proj';

describe('keys', () => {
  const keys = (A: string, head: string) =>
    ({ [A]: [2, 8], [A.replace('lora_A', 'lora_B')]: [4, 2], [head]: [2, 8] }) as Record<string, [number, number]>;
  const plain = loadAdapter(folder(keys(`base_model.model.${Q}.lora_A.weight`, 'base_model.model.score.weight')));

  test.each([
    [
      '.default.',
      `base_model.model.${Q}.lora_A.default.weight`,
      'base_model.model.score.modules_to_save.default.weight',
    ],
    [
      'another adapter',
      `base_model.model.${Q}.lora_A.judge.weight`,
      'base_model.model.score.modules_to_save.judge.weight',
    ],
    ['no prefix', `${Q}.lora_A.weight`, 'score.weight'],
    ['module.', `module.base_model.model.${Q}.lora_A.weight`, 'module.base_model.model.score.modules_to_save.weight'],
    ['torch.compile', `_orig_mod.base_model.model.${Q}.lora_A.weight`, '_orig_mod.base_model.model.score.weight'],
    [
      'torch.compile inside',
      `base_model.model._orig_mod.${Q}.lora_A.weight`,
      'base_model.model._orig_mod.score.weight',
    ],
    ['FSDP', `base_model.model._fsdp_wrapped_module.${Q}.lora_A.weight`, 'base_model.model.score.weight'],
    [
      'a model without a head',
      `base_model.model.${Q.replace('model.', '')}.lora_A.weight`,
      'base_model.model.score.weight',
    ],
  ])('%s', async (_, A, head) => {
    const got = await loadAdapter(folder(keys(A, head)));
    const want = await plain;
    expect(got.weights).toEqual(want.weights);
    expect(got.score).toEqual(want.score);
  });

  test('the head before training is passed by', async () => {
    const both = keys(`base_model.model.${Q}.lora_A.weight`, 'base_model.model.score.modules_to_save.weight');
    const got = await loadAdapter(folder({ ...both, 'base_model.model.score.original_module.weight': [2, 8] }));
    expect(got.score).toEqual((await plain).score);
  });

  test.each([
    [{ 'base_model.model.score.weight': [2, 8] }, "'base_model.model.score.weight' are both the score head"],
    [{ [`${Q}.lora_A.weight`]: [2, 8] }, 'are the same matrix of'],
    [
      { 'base_model.model.model.layers.0.mlp.up_proj.lora_A.other.weight': [2, 8] },
      'holds several adapters (default, other)',
    ],
    [{ [`base_model.model.${Q}.lora_magnitude_vector.default.weight`]: [4, 1] }, 'belongs to DoRA'],
    [{ 'base_model.model.model.embed_tokens.lora_embedding_A.default': [2, 8] }, 'adapts an embedding table'],
    [{ 'base_model.model.model.embed_tokens.modules_to_save.default.weight': [2, 8] }, 'was trained whole'],
    [{ 'base_model.model.model.norm.bias': [2, 8] }, 'is neither a lora_A, a lora_B nor the score head'],
  ])('%j beside is refused', async (more, message) => {
    const usual = keys(
      `base_model.model.${Q}.lora_A.default.weight`,
      'base_model.model.score.modules_to_save.default.weight',
    );
    await expect(loadAdapter(folder({ ...usual, ...(more as unknown as typeof usual) }))).rejects.toThrow(message);
  });

  test('weights that are a pickle are said to be one', async () => {
    const pickled = bytesFolder({
      'adapter_config.json': JSON.stringify(PLAIN),
      'adapter_model.bin': new Uint8Array(4),
    });
    await expect(loadAdapter(pickled)).rejects.toThrow(
      /adapter_model\.bin: is torch's pickle.*adapter_model\.safetensors/,
    );
  });
});
