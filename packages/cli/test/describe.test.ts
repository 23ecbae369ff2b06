/** @file `arena describe`, on a folder and on a hub, and the hub's refusals through it. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openHub } from './hub-server.js';
import { arena, type Workspace, workspace } from './workspace.js';

let w: Workspace;
beforeAll(async () => {
  w = await workspace();
});
afterAll(() => rm(w.folder, { recursive: true }));

test('a folder: parts, and what training takes', async () => {
  const { out, code } = await arena('describe', '--base', w.base, '--max-tokens', '512', '--first-layer', '1');
  expect(code).toBe(0);
  expect(out).toMatch(/^Gemma 2: 2 layers, width 32, vocabulary \d+, linears as F32, 1 file\n/);
  for (const part of ['embeddings', 'linears', 'norms', 'frozen weights', 'kept activations'])
    expect(out).toContain(part);
  expect(out).toContain('512 tokens a batch, adapters from layer 1 on');
  const { out: json } = await arena('describe', '--base', w.base, '--json');
  expect(JSON.parse(json).training).toMatchObject({ tokens: 1900, lowestLayer: 0 });
  const little = await arena('describe', '--base', w.base, '--memory', '1MB');
  expect(little).toMatchObject({ code: 1, err: expect.stringContaining('lower the tokens of a batch') });
});

test('a hub id is described from its headers, without a download', async () => {
  const names = await readdir(w.base);
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(w.base, name))] as const));
  const hub = await openHub(new Map(files));
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HOME', w.at('home'));
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_HUB_CACHE', 'HF_TOKEN_PATH'])
    vi.stubEnv(name, undefined);
  const there = await arena('describe', '--base', 'owner/tiny');
  expect(there.out).toBe((await arena('describe', '--base', w.base)).out);
  expect(hub.downloads.every((request) => /bytes=\d+-\d+$/.test(request))).toBe(true);
  expect((await arena('describe', '--base', 'owner/none')).err).toContain('there is no such model');
  expect((await arena('describe', '--base', 'owner/gated')).err).toContain('set HF_TOKEN');
  vi.unstubAllEnvs();
  await hub.close();
});
