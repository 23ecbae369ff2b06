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
