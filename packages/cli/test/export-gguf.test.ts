/** @file `arena export --gguf`: the folder of a judge, and what is said of flags and bases that do not fit. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { openGguf } from '@arena/gguf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { arena, QUICK, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let base: string;
beforeAll(async () => {
  w = await workspace();
  base = w.at('tiny.gguf');
  await writeFile(base, await tinyGguf());
  const flags = ['--base', base, '--data', w.data, '--out', w.at('run'), ...QUICK];
  expect((await arena('train', ...flags)).code).toBe(0);
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

test('adapter and merged base, head and README beside them', async () => {
  const { code, out, err } = await arena(
    ...['export', '--gguf', 'lora,q8_0', '--base', base, '--adapter', w.at('run'), '--out', w.at('gguf')],
  );
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toContain('adapter-f32.gguf written');
  expect(out).toContain('no head for Gemma: it is in head.json');
  expect((await readdir(w.at('gguf'))).sort()).toEqual(
    ['README.md', 'adapter-f32.gguf', 'arena.json', 'head.json', 'model-q8_0.gguf'].sort(),
  );
  const model = await openGguf(w.at('gguf/model-q8_0.gguf'));
  expect(model.metadata.get('general.name')).toBe('tiny.gguf judge');
  await model.close();
  for (const name of await readdir(w.at('gguf'))) {
    expect((await readFile(w.at(`gguf/${name}`))).includes(w.folder)).toBe(false); // a path of this machine
  }
  const again = await arena(
    ...['export', '--gguf', 'lora', '--base', base, '--adapter', w.at('run'), '--out', w.at('gguf')],
  );
  expect(again.err).toMatch(/gguf: exists already; choose another --out/);
});

test.each<[string, string[], RegExp]>([
  ['an unknown form', ['--gguf', 'q4_k'], /'q4_k' is none of lora, lora-f16, f32, f16, bf16, q8_0/],
  ['no base', ['--gguf', 'q8_0'], /--gguf needs --base/],
  ['two kinds', ['--gguf', 'q8_0', '--onnx', 'q4'], /give one of --checkpoint, --onnx and --gguf/],
])('%s', async (_, flags, message) => {
  const { code, err } = await arena('export', ...flags, '--out', w.at('never'));
  expect(code).toBe(1);
  expect(err).toMatch(message);
  expect(existsSync(w.at('never'))).toBe(false);
});

test('a tokenizer of another kind, another base, and no adapter leave nothing', async () => {
  expect((await quickTrain(w, 'other')).code).toBe(0);
  const give = (...flags: string[]) => arena('export', '--gguf', 'f16', ...flags, '--out', w.at('never'));
  const kind = await give('--base', w.base, '--adapter', w.at('other'));
  expect(kind.err).toMatch(/tokenizer.json: the scores of a SentencePiece vocabulary cannot say/);
  const padded = new Uint8Array([...(await readFile(base)), ...new Uint8Array(64)]);
  await writeFile(w.at('padded.gguf'), padded);
  const foreign = await give('--base', w.at('padded.gguf'), '--adapter', w.at('run'));
  expect(foreign.err).toMatch(/padded.gguf: \d+ bytes; the adapter was trained on a file of/);
  const none = await give('--base', base);
  expect(none.err).toMatch(/--adapter is needed/);
  expect(existsSync(w.at('never'))).toBe(false);
});
