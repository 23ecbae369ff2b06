/** @file examples/node as its readers run it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadAdapter } from '@arena/lora';
import { expect, onTestFinished, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../examples/node/train.mjs', import.meta.url));

test('the Node example trains a judge that beats length, and saves it', { timeout: 180_000 }, async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'arena-example-node-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, 'wasm'], { cwd });
  const accuracy = (name: string) => Number(new RegExp(`^${name} +([\\d.]+) %`, 'm').exec(stdout)![1]);
  expect(accuracy('model, both orders')).toBeGreaterThan(accuracy('always-longer') + 10);
  expect((await loadAdapter(join(cwd, 'adapter'))).config.r).toBe(16);
});

test.each([
  ['an unknown engine', ['abacus'], "there is no engine 'abacus'"],
  ['votes that are missing', ['cpu', 'nowhere.jsonl'], 'nowhere.jsonl'],
  ['a base that is missing', ['cpu', '', 'nowhere'], 'nowhere/config.json: cannot be read (ENOENT)'],
])('the Node example says in one line what is wrong: %s', { timeout: 60_000 }, async (_, words, message) => {
  const cwd = await mkdtemp(join(tmpdir(), 'arena-example-node-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const ended = await promisify(execFile)(process.execPath, [SCRIPT, ...words], { cwd }).catch((error) => error);
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
});
