/** @file A judge as GGUF files: read back bit for bit, on a GGUF base and on a folder; what cannot be written is refused. */
import { readFileSync } from 'node:fs';
import { linearModules } from '@arena/decoder/checkpoint';
import { bytesFolder, type Location } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import { GEMMA3_270M } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import { completeSettings, tinyBaseFor } from '@arena/judge';
import { type Base, cardOf, objectiveOfCard } from '@arena/judge/card';
import { type GgufForm, judgeSource, writeGgufFolder } from '@arena/judge/export';
import { type JudgeFiles, objectiveOf, openBase } from '@arena/judge/run';
import { initAdapter, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { tokenizerJson } from '@arena/tokenizer';
import { expect, test } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';

/** A folder with a Gemma 3 in bfloat16 and a tokenizer.json that was made from SentencePiece's. */
function folderBase(): Location {
  const fixture = new URL('../../tokenizer/test/fixtures/sentencepiece.json', import.meta.url);
  const { cases: _, versions: __, ...vocabulary } = JSON.parse(readFileSync(fixture, 'utf8'));
  const config = {
    ...GEMMA3_270M,
    ...{ hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ num_key_value_heads: 1, head_dim: 16, query_pre_attn_scalar: 16, vocab_size: 608, sliding_window: 64 },
    layer_types: ['sliding_attention', 'full_attention'],
  };
  return bytesFolder({
    ...randomCheckpointFiles(config, { seed: 5 }),
    'tokenizer.json': new TextEncoder().encode(tokenizerJson({ ...vocabulary, addSpacePrefix: false })),
    'tokenizer_config.json': new TextEncoder().encode('{"chat_template": "{{ messages }}"}'),
  });
}

const ggufBase = async () => openBase(bytesFolder({ 'model.gguf': await tinyGguf() }), '/home/me/tiny.gguf');

/** A judge with an adapter that changes something. */
function judgeOn(
  base: Base,
  lora: Parameters<typeof loraConfig>[0] = {},
  quantize: 'none' | 'nf4' | 'stored' = 'none',
): JudgeFiles {
  const settings = completeSettings({ base: 'b', data: ['d'], classes: 3, quantize, maxTokens: 128, frame: 'compact' });
  const objective = objectiveOf(settings);
  const card = cardOf(objective, base, settings);
  const config = loraConfig({ r: 4, lora_alpha: 8, target_modules: ['q_proj', 'down_proj'], ...lora });
  const targets = resolveTargets(config, linearModules(base.config));
  const drawn = initAdapter(config, targets, 7);
  const weights = new Map(
    targets.map(({ path, r }) => {
      const { A, B } = drawn.get(path)!;
      return [path, { A, B: B.map((_, i) => 0.2 * Math.sin(i + path.length)), r }];
    }),
  );
  const shape: [number, number] = [3, base.config.hiddenSize];
  const score = { shape, values: Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.cos(3 * i)) };
  return { adapter: { config, weights, score }, card, objective: objectiveOfCard(card, 3, 'tiny') };
}

async function exported(base: Base, files: JudgeFiles, ...forms: GgufForm[]) {
  const target = bytesTarget();
  await writeGgufFolder(base, files, { folder: target, forms });
  const text = (name: string) => new TextDecoder().decode(target.files[name]);
  const open = (name: string) => openGguf(bytesFolder(target.files), name);
  return { ...target, text, open };
}

test.each([
  ['a GGUF base', 'none'],
  ['a GGUF base', 'stored'],
  ['a GGUF base', 'nf4'],
  ['a folder', 'none'],
  ['a folder', 'nf4'],
] as const)('%s, trained on %s: the merged file holds what the judge computes with', async (what, quantize) => {
  const base = what === 'a folder' ? await openBase(folderBase(), 'google/tiny') : await ggufBase();
  const files = judgeOn(base, {}, quantize);
  const { open } = await exported(base, files, 'f32');
  const file = await open('model-f32.gguf');
  const weights = await ggufWeights(file);
  const source = await judgeSource(base, files);
  let changed = 0;
  for (const name of weights.tensors.keys()) {
    const want = await source.merged(name);
    const values = await source.values(name);
    if (want.some((value, i) => value !== values[i])) changed++;
    const stored = name.includes('norm') ? want.map((value) => Math.fround(value + 1) - 1) : want;
    expect(await weights.readFloat32(name)).toEqual(stored);
  }
  expect(changed).toBe(4);
  await source.close();
  // the same shape and the same tokens
  const again = await openBase(
    bytesFolder({ 'model.gguf': (await exported(base, files, 'f32')).files['model-f32.gguf'] }),
  );
  expect(again.config).toEqual({ ...base.config, dtype: 'float32', embeddingScale: again.config.embeddingScale });
  const texts = ['the river  runs', 'naïve 👩‍👩‍👧', 'a\n\n\nb <eos>'];
  for (const text of texts) expect(again.tokenizer.encode(text)).toEqual(base.tokenizer.encode(text));
  expect(again.tokenizer.encode('', { addSpecialTokens: true })).toEqual(Int32Array.of(2));
});

test("a GGUF base's metadata passes as it is; names are no paths; the README says that the head is not in it", async () => {
  const more: Parameters<typeof tinyGguf>[0] = {
    more: [
      ['general.name', 'string', 'Tiny'],
      ['general.license', 'string', 'gemma'],
      ['tokenizer.chat_template', 'string', '{{ messages }}'],
      ['general.file_type', 'u32', 15],
      ['odd.key', 'i8', -3],
    ],
  };
  const base = await openBase(bytesFolder({ 'model.gguf': await tinyGguf(more) }), '/home/me/tiny.gguf');
  const { open, text, files } = await exported(base, judgeOn(base), 'lora', 'lora-f16', 'q8_0');
  const file = await open('model-q8_0.gguf');
  const metadata = Object.fromEntries(file.metadata);
  expect(metadata).toMatchObject({
    'general.architecture': 'gemma3',
    'general.type': 'model',
    'general.name': 'tiny.gguf judge',
    'general.license': 'gemma',
    'general.file_type': 7,
    'tokenizer.chat_template': '{{ messages }}',
    'odd.key': -3,
  });
  expect(metadata['general.description']).toContain('without its head (A, B, tie): see head.json');
  const lora = await open('adapter-f32.gguf');
  expect(Object.fromEntries(lora.metadata)).toMatchObject({ 'general.type': 'adapter', 'adapter.lora.alpha': 8 });
  expect(lora.metadata.get('general.description')).toContain('without its head');
  expect(lora.tensors.size).toBe(8);
  expect((await open('adapter-f16.gguf')).tensors.get('blk.1.ffn_down.weight.lora_b')?.type).toBe('F16');
  const head = JSON.parse(text('head.json'));
  expect(head.labels).toEqual(['A', 'B', 'tie']);
  expect(Float32Array.from(head.rows.flat())).toEqual(judgeOn(base).adapter!.score!.values);
  expect(text('README.md')).toContain('**The head is not in these files.**');
  expect(text('README.md')).toContain('llama_cpp.Llama("model-q8_0.gguf"');
  expect(JSON.parse(text('arena.json')).base).toBe('tiny.gguf');
  for (const bytes of Object.values(files)) expect(Buffer.from(bytes).includes('/home/me')).toBe(false);
});

test("a folder's tokenizer: spare rows, the chat's template", async () => {
  const base = await openBase(folderBase(), 'google/tiny');
  const { open } = await exported(base, judgeOn(base), 'f16');
  const { metadata, tensors } = await open('model-f16.gguf');
  expect(metadata.get('general.name')).toBe('google/tiny judge');
  expect(metadata.get('gemma3.context_length')).toBe(32768);
  expect(metadata.get('tokenizer.chat_template')).toBe('{{ messages }}');
  expect(tensors.get('token_embd.weight')?.shape).toEqual([608, 32]);
  const { tokens, types } = ggufTokenizerFields(metadata);
  expect([tokens.length, tokens.at(600), types[600]]).toEqual([608, '[PAD600]', 5]);
});

test('a judge of lower layers: a model of as many, and no adapter', async () => {
  const pattern = { more: [['gemma3.attention.sliding_window_pattern', ['bool'], [true, false]]] };
  const bytes = await tinyGguf(pattern as Parameters<typeof tinyGguf>[0]);
  const base = await openBase(bytesFolder({ 'model.gguf': bytes }), 'tiny.gguf');
  const full = judgeOn(base, { layers_to_transform: [0] });
  const files = { ...full, card: { ...full.card, layers: 1 } };
  const { open } = await exported(base, files, 'f32');
  const { metadata, tensors } = await open('model-f32.gguf');
  expect(metadata.get('gemma3.block_count')).toBe(1);
  expect(metadata.has('gemma3.attention.sliding_window_pattern')).toBe(false); // of one layer it is the usual one
  expect([...tensors.keys()].filter((name) => name.startsWith('blk.1.'))).toEqual([]);
  await expect(exported(base, files, 'lora')).rejects.toThrow(
    /the lowest 1 of its layers, and llama.cpp runs a base whole/,
  );
});

test('rsLoRA and patterns: alpha and B give the scalings', async () => {
  const base = await ggufBase();
  const files = judgeOn(base, { use_rslora: true, rank_pattern: { down_proj: 2 } });
  const { open } = await exported(base, files, 'lora');
  const file = await open('adapter-f32.gguf');
  const alpha = file.metadata.get('adapter.lora.alpha') as number;
  for (const [ggml, path, r] of [
    ['blk.0.attn_q', 'model.layers.0.self_attn.q_proj', 4],
    ['blk.0.ffn_down', 'model.layers.0.mlp.down_proj', 2],
  ] as const) {
    const b = await file.readFloat32(`${ggml}.weight.lora_b`);
    const { B } = files.adapter!.weights.get(path)!;
    expect((alpha / r) * b[3]).toBeCloseTo((8 / Math.sqrt(r)) * B[3], 6);
  }
});

test('what cannot be written is refused', async () => {
  const base = await ggufBase();
  const files = judgeOn(base);
  const folder = bytesTarget();
  const write = (one: Base, judge: JudgeFiles, ...forms: string[]) =>
    writeGgufFolder(one, judge, { folder, forms: forms as GgufForm[] });
  await expect(write(base, files)).rejects.toThrow(/forms \[\]: lora, lora-f16, f32/);
  await expect(write(base, files, 'q4_k')).rejects.toThrow(/forms "q4_k": lora/);
  await expect(write(base, { ...files, adapter: undefined }, 'f16')).rejects.toThrow(/has no score head/);
  const other = { ...files, card: { ...files.card, baseFile: { bytes: 7, sha256: 'ab' } } };
  await expect(write(base, other, 'f16')).rejects.toThrow(/trained on a file of 7/);
  const foreign = judgeOn(await openBase(bytesFolder(tinyBaseFor([], { hiddenSize: 64, layers: 2 })), 'other'));
  await expect(write(base, foreign, 'lora')).rejects.toThrow(/q_proj/);
  // scores cannot say the merges of a tokenizer that was trained by merges
  const made = await openBase(bytesFolder(tinyBaseFor([], { hiddenSize: 64, layers: 2 })), 'made');
  const own = { ...made, config: { ...made.config, layers: made.config.layers.map((one) => ({ ...one, scale: 1 })) } };
  await expect(write(own, judgeOn(own), 'lora')).rejects.toThrow(
    /made judge: scales attention by 1; llama.cpp's gemma2/,
  );
  expect(Object.keys(folder.files)).toEqual([]);
});
