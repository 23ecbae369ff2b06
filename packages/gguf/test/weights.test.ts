import { bytesSource } from '@arena/files';
import { storedBytes } from '@arena/files/source';
import { GgufError, ggufWeights, openGguf } from '@arena/gguf';
import { describe, expect, test } from 'vitest';
import { floats, tinyModel, tinyPairs, tinyTensors } from './tiny-model.js';
import { type FileSpec, floatBytes, writeGguf } from './write-gguf.js';

const open = (file: FileSpec) => openGguf(bytesSource(writeGguf(file), 'tiny.gguf'));

const LAYER = [
  'input_layernorm',
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'self_attn.q_norm',
  'self_attn.k_norm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
  'post_feedforward_layernorm',
];

test.each(['gemma2', 'gemma3'])('%s under the names of Hugging Face', async (architecture) => {
  const weights = await ggufWeights(await open(tinyModel(architecture)));
  const layer = LAYER.filter((path) => architecture === 'gemma3' || !/[qk]_norm/.test(path));
  expect([...weights.tensors.keys()]).toEqual([
    'model.embed_tokens.weight',
    ...[0, 1].flatMap((i) => layer.map((path) => `model.layers.${i}.${path}.weight`)),
    'model.norm.weight',
  ]);
  expect(weights.place).toBe('tiny.gguf');
  expect(weights.tensors.get('model.layers.1.mlp.down_proj.weight')).toEqual({
    shape: [8, 16],
    stored: 'F32',
    bytes: 512,
  });
  await expect(weights.readFloat32('lm_head.weight')).rejects.toThrow(/tensor "lm_head.weight": is not among the/);
});

test('norms are less 1, in float32, as values and as stored; others are as the file has them', async () => {
  const norm = [1, 1 + 2 ** -23, 0, 3.25, -1, 16777216, 1e-9, 2];
  const spec = tinyModel('gemma3');
  const edited = spec.tensors!.map((one) =>
    one.name === 'blk.1.ffn_norm.weight'
      ? { ...one, data: floatBytes(norm) }
      : one.name === 'output_norm.weight' // BF16: 1.5 and 2
        ? {
            ...one,
            type: 30,
            data: Uint8Array.from([0xc0, 0x3f, 0, 0x40, 0, 0x40, 0, 0x40, 0, 0x40, 0, 0x40, 0, 0x40, 0, 0x40]),
          }
        : one,
  );
  const file = await open({ ...spec, tensors: edited });
  const weights = await ggufWeights(file);
  const less = Float32Array.from(norm, (v) => Math.fround(v) - 1);
  const name = 'model.layers.1.pre_feedforward_layernorm.weight';
  expect(await weights.readFloat32(name)).toEqual(less);
  expect(await weights.readFloat32(name, [3, 5])).toEqual(less.slice(3, 5));
  expect(await storedBytes(weights, name)).toEqual(floatBytes(less));
  expect([...(await weights.readFloat32('model.norm.weight'))]).toEqual([0.5, 1, 1, 1, 1, 1, 1, 1]);
  expect(weights.tensors.get('model.norm.weight')).toEqual({ shape: [8], stored: 'F32', bytes: 32 });
  const query = 'model.layers.0.self_attn.q_proj.weight';
  expect(await weights.readFloat32(query)).toEqual(await file.readFloat32('blk.0.attn_q.weight'));
  expect(await weights.readFloat32(query, [2, 4])).toEqual((await weights.readFloat32(query)).slice(16, 32));
  const stored = spec.tensors!.find((one) => one.name === 'blk.0.attn_q.weight')!.data;
  expect(await storedBytes(weights, query)).toEqual(stored);
});

test('a head of its own, the order of tensors, ones as factors and the image part change nothing', async () => {
  const extra = [
    floats('output.weight', [6, 8]),
    { ...floats('rope_freqs.weight', [2]), data: floatBytes([1, 1]) },
    floats('v.blk.0.attn_q.weight', [4, 4]),
    floats('mm.input_projection.weight', [4, 4]),
  ];
  const file = await open({ pairs: tinyPairs('gemma3'), tensors: [...extra, ...tinyTensors('gemma3').reverse()] });
  const weights = await ggufWeights(file);
  expect([...weights.tensors.keys()].at(-1)).toBe('lm_head.weight');
  expect(weights.tensors.size).toBe(29);
  expect(await weights.readFloat32('lm_head.weight')).toEqual(await file.readFloat32('output.weight'));
});

describe('what cannot be followed is refused by name', () => {
  const spec = (architecture: string, change: (tensors: ReturnType<typeof tinyTensors>) => void): FileSpec => {
    const tensors = tinyTensors(architecture);
    change(tensors);
    return { pairs: tinyPairs(architecture), tensors };
  };
  test.each<[string, FileSpec, string, RegExp]>([
    [
      'a bias',
      spec('gemma3', (all) => all.push(floats('blk.0.attn_q.bias', [8]))),
      'tensor',
      /"blk.0.attn_q.bias": would change/,
    ],
    [
      'factors',
      spec('gemma3', (all) => all.push(floats('rope_freqs.weight', [2]))),
      'tensor',
      /"rope_freqs.weight": would change/,
    ],
    [
      'a third layer',
      spec('gemma3', (all) => all.push(floats('blk.2.attn_q.weight', [8, 8]))),
      'tensor',
      /"blk.2.attn_q.weight": would/,
    ],
    [
      'norms of q in Gemma 2',
      spec('gemma2', (all) => all.push(floats('blk.0.attn_q_norm.weight', [4]))),
      'tensor',
      /attn_q_norm/,
    ],
    [
      'no norm of q',
      spec('gemma3', (all) => all.splice(6, 1)),
      'tensor',
      /tensor "blk.0.attn_q_norm.weight": is missing: a gemma3 of 2/,
    ],
    ['no embedding', spec('gemma2', (all) => all.shift()), 'tensor', /"token_embd.weight": is missing/],
    [
      'a type',
      spec('gemma3', (all) => all.push({ name: 'output.weight', type: 16, shape: [1, 256], data: new Uint8Array(66) })),
      'type',
      /tensor "output.weight": is stored as IQ2_XXS, which is not decoded here/,
    ],
    [
      'another family',
      { pairs: [['general.architecture', 'string', 'qwen3']] },
      'architecture',
      /"qwen3"; "gemma2" and "gemma3" are/,
    ],
    [
      'many layers',
      { pairs: tinyPairs('gemma3', { block_count: ['u32', 2 ** 24] }) },
      'metadata',
      /is 16777216, at most/,
    ],
    ['none', { pairs: [] }, 'architecture', /general.architecture is missing/],
    [
      'an adapter',
      {
        pairs: [
          ['general.architecture', 'string', 'gemma3'],
          ['general.type', 'string', 'adapter'],
        ],
      },
      'architecture',
      /is an adapter, not a model/,
    ],
  ])('%s', async (_, file, code, message) => {
    const error = await ggufWeights(await open(file)).catch((reason) => reason);
    expect(error).toBeInstanceOf(GgufError);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});

test('closing the weights closes the file', async () => {
  let closed = 0;
  const source = bytesSource(writeGguf(tinyModel('gemma2')));
  const weights = await ggufWeights(await openGguf({ ...source, close: async () => void closed++ }));
  await weights.close();
  expect(closed).toBe(1);
});
