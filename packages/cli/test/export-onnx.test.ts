/** @file `arena export --onnx`: the folder of a judge, and what is said of flags that do not go together. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arena, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;
beforeAll(async () => {
  w = await workspace();
  expect((await quickTrain(w, 'run')).code).toBe(0);
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

test('a folder with the graphs, the tokenizer, and a README that says how', async () => {
  const { code, out, err } = await arena(
    ...['export', '--onnx', 'q4,fp32', '--base', w.base, '--adapter', w.at('run'), '--out', w.at('onnx')],
  );
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(out).toContain('onnx/model_q4.onnx written');
  expect((await readdir(w.at('onnx'))).sort()).toEqual(
    ['README.md', 'arena.json', 'config.json', 'onnx', 'tokenizer.json', 'tokenizer_config.json'].filter(
      (name) => name !== 'tokenizer_config.json' || existsSync(`${w.base}/${name}`),
    ),
  );
  expect((await readdir(w.at('onnx/onnx'))).sort()).toEqual(['model.onnx', 'model_q4.onnx']);
  const config = JSON.parse(await readFile(w.at('onnx/config.json'), 'utf8'));
  expect(config).toMatchObject({
    id2label: { 0: 'A', 1: 'B' },
    num_labels: 2,
    'transformers.js_config': { dtype: 'q4' },
  });
  const readme = await readFile(w.at('onnx/README.md'), 'utf8');
  expect(readme).toContain("pipeline('text-classification', 'this-folder', { dtype: 'q4' })");
  for (const text of [readme, await readFile(w.at('onnx/arena.json'), 'utf8')]) {
    expect(text).not.toContain(w.folder); // a path of this machine is nobody else's
  }
  expect(await readFile(w.at('onnx/tokenizer.json'))).toEqual(await readFile(`${w.base}/tokenizer.json`));
});

test.each<[string, string[], RegExp]>([
  ['neither', [], /give one of --checkpoint, --onnx and --gguf/],
  ['both', ['--onnx', 'q4', '--checkpoint', 'c'], /give one of --checkpoint, --onnx and --gguf/],
  ['an unknown form', ['--onnx', 'int3'], /'int3' is none of fp32, fp16, q8, q4, bnb4/],
  ['no base', ['--onnx', 'q4'], /--onnx needs --base/],
  ['--base beside a checkpoint', ['--checkpoint', 'c', '--base', 'b'], /belong to --onnx/],
])('%s', async (_, flags, message) => {
  const { code, err } = await arena('export', ...flags, '--out', w.at('never'));
  expect(code).toBe(1);
  expect(err).toMatch(message);
  expect(existsSync(w.at('never'))).toBe(false);
});

test('a base without a head and no adapter, and a folder that is there', async () => {
  const one = await arena('export', '--onnx', 'q4', '--base', w.base, '--out', w.at('never'));
  expect(one.err).toMatch(/--adapter is needed/);
  const two = await arena('export', '--onnx', 'q4', '--base', w.base, '--adapter', w.at('run'), '--out', w.at('run'));
  expect(two.err).toMatch(/run/);
  expect(two.code).toBe(1);
});
