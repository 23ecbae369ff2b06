/** @file What @arena/gguf/write writes: gguf-py's bytes, and files that this package's reader opens as what they were. */
import { readFileSync } from 'node:fs';
import { bytesSource } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import { GgufError, ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import {
  encodeBlocks,
  type GgufContent,
  loraGguf,
  type MetadataValue,
  type ModelOptions,
  type ModelShape,
  modelGguf,
  tokenizerPairs,
  writeGguf,
} from '@arena/gguf/write';
import { describe, expect, test } from 'vitest';

interface Golden {
  bits: number[];
  blocks: Record<'F16' | 'BF16' | 'Q8_0', string>;
  file: string;
}
const golden = JSON.parse(readFileSync(new URL('fixtures/write.json', import.meta.url), 'utf8')) as Golden;
const values = new Float32Array(Uint32Array.from(golden.bits).buffer);

async function bytesOf(content: GgufContent): Promise<Uint8Array> {
  const target = bytesTarget();
  await target.write('x.gguf', (write) => writeGguf(write, content, 'x.gguf'));
  return target.files['x.gguf'];
}
const opened = async (content: GgufContent) => openGguf(bytesSource(await bytesOf(content), 'x.gguf'));

describe('as gguf-py writes it', () => {
  test.each(['F16', 'BF16', 'Q8_0'] as const)('blocks of %s', (type) => {
    expect(Buffer.from(encodeBlocks(type, values)).toString('hex')).toBe(golden.blocks[type]);
  });

  test('a file, byte for byte', async () => {
    const metadata = new Map<string, MetadataValue>([
      ['general.architecture', ['string', 'gemma3']],
      ['general.type', ['string', 'adapter']],
      ['general.name', ['string', 'Grüße 🌍']],
      ['a.u32', ['u32', 7]],
      ['a.f32', ['f32', 0.1]],
      ['a.yes', ['bool', true]],
      ['a.texts', ['strings', ['one', 'zwölf', '▁']]],
      ['a.numbers', ['f32s', [1.5, -0.25]]],
      ['a.ints', ['i32s', [1, -2, 3]]],
      ['a.flags', ['bools', [true, false]]],
    ]);
    const a = Float32Array.of(0, 1, 2, 3, 4, 5);
    const bytes = await bytesOf({
      metadata,
      tensors: [
        { name: 'blk.0.attn_q.weight.lora_a', type: 'F32', shape: [2, 3], blocks: async () => encodeBlocks('F32', a) },
        { name: 'w', type: 'Q8_0', shape: [2, 32], blocks: async () => encodeBlocks('Q8_0', values.slice(0, 64)) },
        { name: 'v', type: 'F16', shape: [3], blocks: async () => encodeBlocks('F16', Float32Array.of(1, 2, 3)) },
      ],
    });
    expect(Buffer.from(bytes).toString('base64')).toBe(golden.file);
  });
});

test('every value of a file can be written elsewhere as it is', async () => {
  const file = await openGguf(bytesSource(new Uint8Array(Buffer.from(golden.file, 'base64')), 'small.gguf'));
  const raw = await Promise.all(
    [...file.metadata.keys()].map(async (key) => [key, await file.readStoredValue(key)] as const),
  );
  const again = await opened({ metadata: new Map(raw), tensors: [] });
  const plain = (all: typeof file.metadata) =>
    [...all].map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]);
  expect(plain(again.metadata)).toEqual(plain(file.metadata));
  await expect(file.readStoredValue('none')).rejects.toThrow(/key "none": is not among the metadata/);
});

test('what a file cannot hold is refused by name', async () => {
  const one = (shape: number[], type: 'Q8_0' | 'F32', bytes: number, name = 't') => ({
    name,
    type,
    shape,
    blocks: async () => new Uint8Array(bytes),
  });
  const of = (...tensors: GgufContent['tensors'][number][]) => bytesOf({ metadata: new Map(), tensors });
  await expect(of(one([2, 40], 'Q8_0', 85))).rejects.toThrow(/tensor "t": a row has 40 values, no multiple of 32/);
  await expect(of(one([2, 4], 'F32', 31))).rejects.toThrow(/31 bytes were given, its shape \[2, 4\] has 32 as F32/);
  await expect(of(one([1], 'F32', 4), one([1], 'F32', 4))).rejects.toThrow(/two tensors have the same name/);
});

const LAYER = { heads: 2, keyValueHeads: 1, headDim: 16, scale: 0.25, rope: { theta: 10000, factor: 1 } };
const [LOCAL, FULL] = [
  { ...LAYER, softcap: 0, window: 8 },
  { ...LAYER, softcap: 0, window: 0, rope: { theta: 1e6, factor: 8 } },
];
const WIDTHS = { vocabSize: 6, hiddenSize: 32, intermediateSize: 64, rmsNormEps: 1e-6 };
const GEMMA3: ModelShape = { ...WIDTHS, modelType: 'gemma3_text', finalLogitSoftcapping: 0, layers: [LOCAL, FULL] };
const GEMMA2: ModelShape = {
  ...WIDTHS,
  modelType: 'gemma2',
  finalLogitSoftcapping: 30,
  layers: [
    { ...LAYER, softcap: 50, window: 8 },
    { ...LAYER, softcap: 50, window: 0 },
  ],
};
const VOCABULARY = {
  tokens: ['<pad>', '<eos>', '<bos>', '<unk>', '▁'],
  scores: [0, 0, 0, 0, -1],
  types: [3, 3, 3, 2, 1],
  bosId: 2,
  eosId: 1,
  unkId: 3,
  padId: 0,
  addBos: true,
  addEos: false,
  addSpacePrefix: false,
};

/** Tensors of a model with values that tell them apart. */
function tensorsOf(shape: ModelShape, more: Record<string, number[]> = {}): ModelOptions['weights'] {
  const { hiddenSize: hidden, intermediateSize: inner, vocabSize } = shape;
  const shapes: Record<string, number[]> = {
    'model.embed_tokens': [vocabSize, hidden],
    'model.norm': [hidden],
    ...more,
  };
  shape.layers.forEach(({ heads, keyValueHeads, headDim }, i) => {
    const at = (path: string) => `model.layers.${i}.${path}`;
    for (const name of ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'])
      shapes[at(`${name}_layernorm`)] = [hidden];
    if (shape.modelType === 'gemma3_text')
      for (const name of ['q', 'k']) shapes[at(`self_attn.${name}_norm`)] = [headDim];
    shapes[at('self_attn.q_proj')] = [heads * headDim, hidden];
    for (const name of ['k', 'v']) shapes[at(`self_attn.${name}_proj`)] = [keyValueHeads * headDim, hidden];
    shapes[at('self_attn.o_proj')] = [hidden, heads * headDim];
    for (const name of ['gate', 'up']) shapes[at(`mlp.${name}_proj`)] = [inner, hidden];
    shapes[at('mlp.down_proj')] = [hidden, inner];
  });
  const tensors = new Map(
    Object.entries(shapes).map(([name, dims]) => {
      const count = dims.reduce((product, size) => product * size, 1);
      return [`${name}.weight`, { shape: dims, stored: 'F32', bytes: 4 * count }];
    }),
  );
  return {
    tensors,
    async readFloat32(name, rows) {
      const { shape: dims } = tensors.get(name)!;
      const width = dims[1] ?? 1;
      const [begin, end] = rows ?? [0, dims[0]];
      const seed = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
      return Float32Array.from({ length: (end - begin) * width }, (_, i) => Math.sin(seed + begin * width + i) / 8);
    },
  };
}

function modelOf(shape: ModelShape, more: Partial<ModelOptions> = {}): GgufContent {
  const metadata = new Map(tokenizerPairs(VOCABULARY, shape.vocabSize, 'tiny'));
  return modelGguf({ shape, weights: tensorsOf(shape), contextLength: 512, name: 'tiny', metadata, ...more });
}

describe('a model', () => {
  test.each([
    ['gemma2', GEMMA2],
    ['gemma3_text', GEMMA3],
    ['gemma3_text', { ...GEMMA3, layers: [LOCAL, LOCAL], finalLogitSoftcapping: 30 }],
    ['gemma3_text', { ...GEMMA3, layers: [FULL] }],
  ])('%s: the config, the values and the tokenizer come back', async (type, shape) => {
    const weights = tensorsOf(shape);
    const file = await opened(modelOf(shape, { type: 'F32' }));
    expect(ggufConfig(file.metadata, file.tensors)).toMatchObject({
      model_type: type,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: shape.layers.length,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 16,
      query_pre_attn_scalar: 16,
      rms_norm_eps: 1e-6,
      max_position_embeddings: 512,
      vocab_size: 6,
      layer_types: shape.layers.map(({ window }) => (window ? 'sliding_attention' : 'full_attention')),
      final_logit_softcapping: shape.finalLogitSoftcapping || null,
      attn_logit_softcapping: type === 'gemma2' ? 50 : null,
      ...(shape === GEMMA3
        ? {
            sliding_window: 8,
            rope_parameters: {
              full_attention: { rope_theta: 1e6, rope_type: 'linear', factor: 8 },
              sliding_attention: { rope_theta: 10000, rope_type: 'default' },
            },
          }
        : {}),
    });
    const read = await ggufWeights(file);
    expect([...read.tensors.keys()].sort()).toEqual([...weights.tensors.keys()].sort());
    for (const name of read.tensors.keys()) {
      const want = await weights.readFloat32(name);
      // llama.cpp stores a norm as 1 + weight, in float32
      const stored = name.includes('norm') ? want.map((value) => Math.fround(value + 1) - 1) : want;
      expect(await read.readFloat32(name)).toEqual(stored);
    }
    const fields = ggufTokenizerFields(file.metadata);
    expect({ ...fields, tokens: [...fields.tokens], scores: [...fields.scores], types: [...fields.types] }).toEqual({
      ...VOCABULARY,
      model: 'llama',
      pre: 'default',
      tokens: [...VOCABULARY.tokens, '[PAD5]'],
      scores: [...VOCABULARY.scores, -10000],
      types: [...VOCABULARY.types, 5],
    });
  });

  test('Q8_0: matrices in blocks, norms in float32, odd rows in float16', async () => {
    const shape = { ...GEMMA3, intermediateSize: 48 };
    const file = await opened(modelOf(shape, { type: 'Q8_0' }));
    const types = (name: string) => file.tensors.get(name)?.type;
    expect(types('token_embd.weight')).toBe('Q8_0');
    expect(types('blk.0.attn_norm.weight')).toBe('F32');
    expect(types('blk.1.ffn_down.weight')).toBe('F16');
    expect(types('blk.1.ffn_up.weight')).toBe('Q8_0');
    expect(file.metadata.get('general.file_type')).toBe(7);
    expect(file.metadata.get('general.quantization_version')).toBe(2);
  });

  test('a norm is 1 + weight in the file', async () => {
    const file = await opened(modelOf(GEMMA3));
    const weight = await tensorsOf(GEMMA3).readFloat32('model.norm.weight');
    expect(await file.readFloat32('output_norm.weight')).toEqual(weight.map((value) => value + 1));
  });

  test("other pairs pass, the model's own win", async () => {
    const metadata = new Map<string, MetadataValue>([
      ...tokenizerPairs(VOCABULARY, 6, 'tiny'),
      ['general.url', ['string', 'https://host/model']],
      ['gemma3.block_count', ['u32', 99]],
    ]);
    const file = await opened(modelOf(GEMMA3, { metadata, description: 'a test' }));
    expect(file.metadata.get('general.url')).toBe('https://host/model');
    expect(file.metadata.get('gemma3.block_count')).toBe(2);
    expect(file.metadata.get('general.description')).toBe('a test');
  });

  test('an output matrix of its own', async () => {
    const weights = tensorsOf(GEMMA3, { lm_head: [6, 32] });
    const file = await opened(modelOf(GEMMA3, { weights, type: 'F32' }));
    expect(await file.readFloat32('output.weight')).toEqual(await weights.readFloat32('lm_head.weight'));
  });

  test.each<[string, () => GgufContent, RegExp]>([
    [
      'another family',
      () => modelOf({ ...GEMMA3, modelType: 'qwen3' }),
      /is a qwen3; gemma2 and gemma3_text are written/,
    ],
    [
      'a scale of attention',
      () => modelOf({ ...GEMMA3, layers: [{ ...LOCAL, scale: 0.0625 }] }),
      /scales attention by 0.0625; llama.cpp's gemma3 by 1 \/ sqrt\(16\)/,
    ],
    [
      'layers of unlike heads',
      () => modelOf({ ...GEMMA3, layers: [LOCAL, { ...FULL, heads: 4 }] }),
      /differ in heads \(2, 4\)/,
    ],
    [
      'two windows',
      () => modelOf({ ...GEMMA3, layers: [LOCAL, { ...LOCAL, window: 9 }] }),
      /differ in the window \(8, 9\)/,
    ],
    [
      'scaled local RoPE',
      () => modelOf({ ...GEMMA3, layers: [{ ...LOCAL, rope: { theta: 10000, factor: 2 } }] }),
      /scales RoPE in window layers by 2/,
    ],
    ['a cap in gemma3', () => modelOf({ ...GEMMA3, layers: [{ ...LOCAL, softcap: 50 }] }), /caps attention at 50/],
    ['no cap in gemma2', () => modelOf({ ...GEMMA2, finalLogitSoftcapping: 0 }), /has no soft cap/],
    ['no tokenizer', () => modelOf(GEMMA3, { metadata: new Map() }), /there is no tokenizer/],
    [
      'a head of a gemma2',
      () => modelOf(GEMMA2, { weights: tensorsOf(GEMMA2, { lm_head: [6, 32] }) }),
      /output matrix of its own \(lm_head.weight\); llama.cpp's gemma2 always uses the embedding/,
    ],
    [
      'a missing tensor',
      () => modelOf(GEMMA3, { weights: tensorsOf({ ...GEMMA3, layers: [LOCAL] }) }),
      /tensor "model.layers.1.input_layernorm.weight": is missing/,
    ],
    [
      'more tokens than rows',
      () => modelOf({ ...GEMMA3, vocabSize: 4 }),
      /5 tokens, 5 scores and 5 kinds for an embedding of 4 rows/,
    ],
  ])('%s is refused by name', (_, make, message) => {
    expect(make).toThrow(GgufError);
    expect(make).toThrow(message);
  });
});

describe('an adapter', () => {
  const pair = (path: string, r: number, scaling: number) => ({
    path,
    A: Float32Array.from({ length: r * 32 }, (_, i) => Math.cos(i)),
    B: Float32Array.from({ length: 32 * r }, (_, i) => Math.sin(i)),
    r,
    scaling,
  });
  const [Q, O] = ['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.o_proj'];

  /** What llama.cpp adds: lora_b lora_a alpha / r, by llama-adapter.h's get_scale. */
  async function scaleOf(content: GgufContent, ggml: string, original: Float32Array): Promise<number> {
    const file = await opened(content);
    const alpha = file.metadata.get('adapter.lora.alpha') as number;
    const b = await file.readFloat32(`${ggml}.lora_b`);
    const rank = file.tensors.get(`${ggml}.lora_b`)!.shape[1];
    return (alpha / rank) * (b[1] / original[1]);
  }

  test('names, shapes and metadata of convert_lora_to_gguf.py', async () => {
    const file = await opened(loraGguf({ shape: GEMMA3, name: 'lora', matrices: [pair(Q, 4, 2), pair(O, 4, 2)] }));
    expect(Object.fromEntries(file.metadata)).toEqual({
      'general.architecture': 'gemma3',
      'general.type': 'adapter',
      'adapter.type': 'lora',
      'general.name': 'lora',
      'general.file_type': 0,
      'adapter.lora.alpha': 8,
    });
    expect([...file.tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['blk.0.attn_q.weight.lora_a', [4, 32]],
      ['blk.0.attn_q.weight.lora_b', [32, 4]],
      ['blk.1.attn_output.weight.lora_a', [4, 32]],
      ['blk.1.attn_output.weight.lora_b', [32, 4]],
    ]);
    expect(await file.readFloat32('blk.0.attn_q.weight.lora_b')).toEqual(pair(Q, 4, 2).B);
  });

  test('alpha gives each linear its scaling: rsLoRA, patterns of rank and alpha, none', async () => {
    const rs = 16 / Math.sqrt(8);
    const rsLora = loraGguf({ shape: GEMMA3, name: 'x', matrices: [pair(Q, 8, rs)] });
    expect(await scaleOf(rsLora, 'blk.0.attn_q.weight', pair(Q, 8, rs).B)).toBeCloseTo(rs, 6);
    const three = [pair(Q, 4, 2), pair(O, 2, 4), pair('model.layers.0.mlp.up_proj', 4, 0.5)];
    const mixed = loraGguf({ shape: GEMMA3, name: 'x', matrices: three });
    expect(mixed.metadata.get('adapter.lora.alpha')).toEqual(['f32', 8]);
    for (const [ggml, one] of [
      ['blk.0.attn_q.weight', three[0]],
      ['blk.1.attn_output.weight', three[1]],
      ['blk.0.ffn_up.weight', three[2]],
    ] as const) {
      expect(await scaleOf(mixed, ggml, one.B)).toBeCloseTo(one.scaling, 6);
    }
    // llama.cpp reads alpha 0 as "scale 1"
    const none = await opened(loraGguf({ shape: GEMMA3, name: 'x', matrices: [pair(Q, 4, 0)] }));
    expect(none.metadata.get('adapter.lora.alpha')).toBe(1);
    expect((await none.readFloat32('blk.0.attn_q.weight.lora_b')).every((value) => value === 0)).toBe(true);
  });

  test.each<[string, () => GgufContent, RegExp]>([
    [
      'a linear that is not there',
      () => loraGguf({ shape: GEMMA3, name: 'x', matrices: [pair('model.layers.7.self_attn.q_proj', 4, 1)] }),
      /layers.7.self_attn.q_proj: llama.cpp's gemma3 of 2 layers has no such linear/,
    ],
    [
      'matrices of another rank',
      () => loraGguf({ shape: GEMMA3, name: 'x', matrices: [{ ...pair(Q, 4, 1), r: 3 }] }),
      /128 and 128 values are no matrices of rank 3/,
    ],
    [
      'a base that llama.cpp cannot run',
      () => loraGguf({ shape: { ...GEMMA3, modelType: 'llama' }, name: 'x', matrices: [] }),
      /is a llama; gemma2 and/,
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(message);
  });
});
