/** @file `arena doctor --json`: what the issue form asks for, as one JSON object and nothing else. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { arena } from './workspace.js';

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

test('doctor --json prints versions, engines and why others do not open', async () => {
  expect(await read('../../../.github/ISSUE_TEMPLATE/bug.yml')).toContain('`arena doctor --json`');
  const { version } = JSON.parse(await read('../package.json'));
  const { code, out } = await arena('doctor', '--json');
  expect(code).toBe(0);
  const found = JSON.parse(out); // fails when anything else was printed
  expect(found).toEqual({
    arena: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: expect.any(String),
    cores: expect.any(Number),
    memoryGiB: expect.any(Number),
    engines: expect.any(Array),
    auto: expect.any(String),
    blas: { withoutGflops: expect.any(Number), float32: expect.any(Object), bfloat16: expect.any(Object) },
    nvidia: expect.any(Object),
  });
  expect(found.engines.map(({ name }: { name: string }) => name)).toEqual([
    'cuda',
    'webgpu',
    'wasm',
    'tensorflow',
    'cpu',
  ]);
  for (const engine of found.engines) {
    expect(engine).toEqual(
      engine.opens
        ? { name: engine.name, opens: true, device: expect.stringMatching(/./) }
        : { name: engine.name, opens: false, why: expect.stringMatching(/./) },
    );
  }
  expect(found.engines.find(({ name }: { name: string }) => name === found.auto).opens).toBe(true);
});
