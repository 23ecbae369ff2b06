/** @file A judge of a base's lower layers, through the command: trained, resumed, asked, merged. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { openCheckpoint } from '@arena/safetensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { arena, BATTLES, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;
beforeAll(async () => {
  w = await workspace();
  await w.votes('some.jsonl', BATTLES.slice(0, 8));
});
afterAll(() => rm(w.folder, { recursive: true }));

const json = async (path: string) => JSON.parse(await readFile(w.at(path), 'utf8'));
const train = (base: string, out: string, ...more: string[]) =>
  arena(
    'train',
    '--base',
    base,
    '--data',
    w.data,
    '--out',
    w.at(out),
    ...QUICK,
    '--first-layer',
    '0',
    '--no-quantize',
    ...more,
  );
async function said(...flags: string[]): Promise<number[]> {
  const { out, err, code } = await arena('predict', ...flags, '--data', w.at('some.jsonl'));
  expect({ err, code }).toMatchObject({ code: 0 });
  return out.trim().split('\n').map((line) => JSON.parse(line).probabilityA); // biome-ignore format: a chain
}

describe.each(['a folder', 'a GGUF file'])('one layer of two, of %s', (kind) => {
  let base: string;
  const at = (name: string) => `${kind.split(' ')[1]}-${name}`;
  beforeAll(async () => {
    base = w.base;
    if (kind === 'a folder') return;
    base = w.at('tiny.gguf');
    await writeFile(base, await tinyGguf());
  });

  test('is trained, goes on, and its card says so', async () => {
    const first = await train(base, at('run'), '--layers', '1', '--save-every', '2');
    expect(first).toMatchObject({ code: 0 });
    expect(first.out).toMatch(/base: 1 layers of width 32/);
    expect(await train(base, at('run'), '--layers', '1', '--save-every', '2', '--resume')).toMatchObject({ code: 0 });
    expect(await json(`${at('run')}/adapter/arena.json`)).toMatchObject({ layers: 1 });
    expect(await json(`${at('run')}/adapter/adapter_config.json`)).toMatchObject({ layers_to_transform: [0] });
    expect((await train(base, at('run'), '--save-every', '2', '--resume')).err).toMatch(/layers/);
  });

  test('says the same merged, in a folder of one layer', async () => {
    const flags = ['--base', base, '--adapter', w.at(`${at('run')}/adapter`)];
    expect(await arena('merge', ...flags, '--out', w.at(at('merged')))).toMatchObject({ code: 0 });
    const config = await json(`${at('merged')}/config.json`);
    expect(config.num_hidden_layers).toBe(1);
    if (config.layer_types) expect(config.layer_types).toHaveLength(1);
    const { tensors } = await openCheckpoint(w.at(at('merged')));
    expect([...tensors.keys()].filter((name) => name.includes('layers.1.'))).toEqual([]);
    expect((await json(`${at('merged')}/arena.json`)).layers).toBeUndefined();
    const [alone, before] = [await said('--base', w.at(at('merged'))), await said(...flags)];
    for (const [i, value] of alone.entries()) expect(value).toBeCloseTo(before[i], 4);
    expect(new Set(before.map((value) => value.toFixed(4))).size).toBeGreaterThan(4);
  });

  test('more layers than there are: refused, and nothing is left', async () => {
    const { err, code } = await train(base, at('none'), '--layers', '9');
    expect(code).toBe(1);
    expect(err).toMatch(/--layers 9: .* has 2 layers/);
  });
});
