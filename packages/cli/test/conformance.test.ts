/** @file The golden cases of a fresh clone, through the runner, on both engines; and that the runner can fail. */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngine } from '@arena/runtime';
import { describe, expect, test } from 'vitest';
import { type CaseResult, runConformance } from '../src/conformance/run.js';

const GOLDEN = fileURLToPath(new URL('./fixtures/golden', import.meta.url));

describe.each(['cpu', 'wasm'] as const)('engine %s', (name) => {
  test('passes every golden case', { timeout: 120_000 }, async () => {
    const engine = await openEngine(name);
    const results = await runConformance(GOLDEN, () => {});
    engine.dispose();
    expect(results.filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(new Set(results.map(({ area }) => area))).toEqual(new Set(['gemma', 'lora', 'nf4', 'trainer']));
  });
});

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
  const results = await runConformance(root, () => {});
  const status = Object.fromEntries(results.map((result: CaseResult) => [result.case, result.status]));
  expect(status).toEqual({ clip: 'failed', randperm: 'failed', schedules: 'not run' });
});
