/** @file A base that is a GGUF file, through the command: trained on, asked, described, merged, quantised. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { ggufConfig, openGguf } from '@arena/gguf';
import { Mt19937, normal } from '@arena/random';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floatBytes, type Pair, type TensorSpec, writeGguf } from '../../gguf/test/write-gguf.js';
import { arena, BATTLES, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let base: string;

/** A Gemma 3 of two layers in Q8_0 and float32, with a tokenizer of 600 pieces. */
async function tinyGguf(more: Pair[] = []): Promise<Uint8Array> {
  const path = new URL('../../tokenizer/test/fixtures/sentencepiece.json', import.meta.url);
  const { tokens, scores, types } = JSON.parse(await readFile(path, 'utf8')) as Record<string, never[]>;
  const pairs: Pair[] = [
    ['general.architecture', 'string', 'gemma3'],
    ...Object.entries({
      block_count: 2,
      embedding_length: 32,
      feed_forward_length: 64,
      'attention.head_count': 2,
      'attention.head_count_kv': 1,
      'attention.key_length': 16,
      'attention.value_length': 16,
      'attention.sliding_window': 64,
    }).map(([key, value]): Pair => [`gemma3.${key}`, 'u32', value]),
    ['gemma3.attention.layer_norm_rms_epsilon', 'f32', 1e-6],
    ['tokenizer.ggml.model', 'string', 'llama'],
    ['tokenizer.ggml.tokens', ['string'], tokens],
    ['tokenizer.ggml.scores', ['f32'], scores],
    ['tokenizer.ggml.token_type', ['i32'], types],
    ['tokenizer.ggml.bos_token_id', 'u32', 2],
    ['tokenizer.ggml.eos_token_id', 'u32', 1],
    ['tokenizer.ggml.unknown_token_id', 'u32', 3],
    ['tokenizer.ggml.padding_token_id', 'u32', 0],
    ['tokenizer.ggml.add_space_prefix', 'bool', false],
    ...more,
  ];
  let seed = 0;
  const matrix = (name: string, shape: [number, number]): TensorSpec => {
    const values = normal(new Mt19937(++seed), shape[0] * shape[1], 0, shape[1] ** -0.5);
    return { name: `${name}.weight`, type: 8, shape, data: q8(values) };
  };
  const ones = (name: string, width: number): TensorSpec => {
    return { name: `${name}.weight`, type: 0, shape: [width], data: floatBytes(new Float32Array(width).fill(1)) };
  };
  const layers = [0, 1].flatMap((layer) => {
    const at = (name: string) => `blk.${layer}.${name}`;
    return [
      ...['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm'].map((name) => ones(at(name), 32)),
      ones(at('attn_q_norm'), 16),
      ones(at('attn_k_norm'), 16),
      matrix(at('attn_q'), [32, 32]),
      matrix(at('attn_k'), [16, 32]),
      matrix(at('attn_v'), [16, 32]),
      matrix(at('attn_output'), [32, 32]),
      matrix(at('ffn_gate'), [64, 32]),
      matrix(at('ffn_up'), [64, 32]),
      matrix(at('ffn_down'), [32, 64]),
    ];
  });
  return writeGguf({
    pairs,
    tensors: [matrix('token_embd', [tokens.length, 32]), ...layers, ones('output_norm', 32)],
  });
}

/** Blocks of 32: a float16 scale of 1/64 and bytes. */
function q8(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array((values.length / 32) * 34);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const block = 34 * Math.floor(i / 32);
    view.setUint16(block, 0x2400, true); // 2^-6
    view.setInt8(block + 2 + (i % 32), Math.max(-127, Math.min(127, Math.round(value * 64))));
  });
  return bytes;
}

beforeAll(async () => {
  w = await workspace();
  base = w.at('tiny.gguf');
  await writeFile(base, await tinyGguf());
  await w.votes('some.jsonl', BATTLES.slice(0, 8));
});
afterAll(() => rm(w.folder, { recursive: true }));

const train = (out: string, ...more: string[]) =>
  arena('train', '--base', base, '--data', w.data, '--out', w.at(out), ...QUICK, ...more);
const probabilities = ({ out }: { out: string }) =>
  out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { probabilityA: number }).probabilityA);
const predict = (...flags: string[]) => arena('predict', ...flags, '--data', w.at('some.jsonl'));

describe('arena with a GGUF base', () => {
  beforeAll(async () => {
    expect(await train('run')).toMatchObject({ code: 0 });
  });

  test('trains on the file as it is stored, and says so', async () => {
    const card = JSON.parse(await readFile(w.at('run/adapter/arena.json'), 'utf8'));
    expect(card).toMatchObject({ base, quantization: 'stored' });
    expect(card.baseFile.sha256).toMatch(/^[0-9a-f]{64}$/);
    const { base_model_name_or_path } = JSON.parse(await readFile(w.at('run/adapter/adapter_config.json'), 'utf8'));
    expect(base_model_name_or_path).toBe(base);
  });

  test('predicts; a folder with the one file in it is the same base', async () => {
    const said = await predict('--base', base, '--adapter', w.at('run'));
    expect(said.code).toBe(0);
    await mkdir(w.at('folder'));
    await cp(base, w.at('folder/model-q8.gguf'));
    const again = await predict('--base', w.at('folder'), '--adapter', w.at('run'));
    expect(again.code).toBe(0);
    expect(probabilities(again)).toEqual(probabilities(said));
  });

  test('a run that was stopped goes on', async () => {
    expect(await train('twice', '--save-every', '2')).toMatchObject({ code: 0 });
    expect(await train('twice', '--save-every', '2', '--resume')).toMatchObject({ code: 0 });
  });

  test('merged, it predicts the same in float32', async () => {
    const merged = await arena('merge', '--base', base, '--adapter', w.at('run/adapter'), '--out', w.at('merged'));
    expect(merged).toMatchObject({ code: 0, err: '' });
    const config = JSON.parse(await readFile(w.at('merged/config.json'), 'utf8'));
    expect(config).toMatchObject({ model_type: 'gemma3_text', architectures: ['Gemma3TextForSequenceClassification'] });
    const said = probabilities(await predict('--base', w.at('merged')));
    const want = probabilities(await predict('--base', base, '--adapter', w.at('run')));
    expect(Math.max(...said.map((value, i) => Math.abs(value - want[i])))).toBeLessThan(1e-5);
  });

  test('quantised, it is a checkpoint in NF4', async () => {
    expect(await arena('quantize', '--base', base, '--out', w.at('nf4'))).toMatchObject({ code: 0 });
    const { out } = await arena('describe', '--base', w.at('nf4'));
    expect(out).toContain('Gemma 3: 2 layers, width 32');
    expect(out).toContain('linears as nf4');
  });

  test('is described as it is', async () => {
    const { out } = await arena('describe', '--base', base);
    expect(out).toContain('linears as Q8_0, 1 file');
  });

  test('--quantize says otherwise', async () => {
    expect(await train('four', '--quantize', 'nf4')).toMatchObject({ code: 0 });
    const card = JSON.parse(await readFile(w.at('four/adapter/arena.json'), 'utf8'));
    expect(card.quantization).toEqual({ doubleQuant: true });
    expect(await train('float', '--no-quantize')).toMatchObject({ code: 0 });
    expect(JSON.parse(await readFile(w.at('float/adapter/arena.json'), 'utf8')).quantization).toBeNull();
  });

  test('another file of that name is refused', async () => {
    const other = (await tinyGguf()).slice();
    const longer = new Uint8Array(other.length + 64);
    longer.set(other);
    await mkdir(w.at('other'));
    await writeFile(w.at('other/tiny.gguf'), longer);
    const { code, err } = await predict('--base', w.at('other/tiny.gguf'), '--adapter', w.at('run'));
    expect(code).toBe(1);
    expect(err).toContain('trained on a file of');
  });

  test('a base tuned on chats that is given the compact frame says so', async () => {
    await writeFile(w.at('tuned.gguf'), await tinyGguf([['tokenizer.chat_template', 'string', '{{ messages }}']]));
    const flags = ['--data', w.data, '--out', w.at('tuned'), ...QUICK];
    const { code, out } = await arena('train', '--base', w.at('tuned.gguf'), ...flags);
    expect(code).toBe(0);
    expect(out).toContain('note: the base was tuned on chats');
    const plain = await train('plain');
    expect(plain.out).not.toContain('note:');
  });

  test('a folder with two models asks which', async () => {
    await cp(base, w.at('folder/other.gguf'));
    const { code, err } = await predict('--base', w.at('folder'), '--adapter', w.at('run'));
    expect(code).toBe(1);
    expect(err).toContain('model-q8.gguf, other.gguf');
    await rm(w.at('folder/other.gguf'));
  });

  test('a file that was cut off is refused by name', async () => {
    await writeFile(w.at('cut.gguf'), (await readFile(base)).subarray(0, -1000));
    const { code, err } = await arena('describe', '--base', w.at('cut.gguf'));
    expect(code).toBe(1);
    expect(err).toContain('cut.gguf, tensor "');
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

test('the file that the tests make is a Gemma 3', async () => {
  const file = await openGguf(base);
  expect(ggufConfig(file.metadata, file.tensors)).toMatchObject({ model_type: 'gemma3_text', vocab_size: 600 });
  await file.close();
});
