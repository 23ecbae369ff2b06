/** @file A base that is a GGUF file, through the command: trained on, asked, described, merged, quantised. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { ggufConfig, openGguf } from '@arena/gguf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { arena, BATTLES, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let base: string;

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
    // per layer 32*32 + 2*16*32 + 32*32 + 3*64*32 weights, 34 bytes for 32; norms: 2*(4*32 + 2*16) + 32 float32
    const linears = (2 * 9216 * 34) / 32;
    const { training } = JSON.parse((await arena('describe', '--base', base, '--json')).out);
    expect(training.weights).toBe(linears + 4 * (2 * (4 * 32 + 2 * 16) + 32));
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
    await writeFile(
      w.at('tuned.gguf'),
      await tinyGguf({ more: [['tokenizer.chat_template', 'string', '{{ messages }}']] }),
    );
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
