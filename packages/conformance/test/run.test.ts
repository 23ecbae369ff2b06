/** @file That the runner can fail. Cases that pass are tests of the packages that own them: test/golden.test.ts there. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine } from '@arena/runtime';
import { expect, test } from 'vitest';
import { folderSource } from '../src/node-source.js';
import { runCase } from '../src/run.js';

const GOLDEN = fileURLToPath(new URL('../fixtures', import.meta.url));

test('a wrong number fails, a missing file fails, an unknown case is not run', async () => {
  await openEngine('cpu');
  const root = await mkdtemp(join(tmpdir(), 'arena-golden-'));
  for (const name of ['clip', 'randperm', 'schedules'])
    await cp(join(GOLDEN, 'trainer', name), join(root, 'trainer', name), { recursive: true });
  const edit = async (name: string, from: string, to: string) => {
    const path = join(root, 'trainer', name, 'case.json');
    const text = await readFile(path, 'utf8');
    expect(text).toContain(from);
    await writeFile(path, text.replace(from, to));
  };
  await edit('randperm', '"perm":[2,0,1]', '"perm":[2,1,0]');
  await edit('clip', '"case.safetensors"', '"other.safetensors"');
  await edit('schedules', '"area": "trainer"', '"area": "alchemy"');
  const source = await folderSource(root);
  const status: Record<string, string> = {};
  for (const folder of source.folders) {
    const result = await runCase(source, folder);
    status[result.case] = result.status;
  }
  expect(status).toEqual({ clip: 'failed', randperm: 'failed', schedules: 'not run' });
});

test('a folder without cases is an error', async () => {
  await expect(folderSource(await mkdtemp(join(tmpdir(), 'arena-golden-')))).rejects.toThrow('no case.json below it');
});
