/** @file Bases by hub id, downloaded from a hub on this machine. */
import { readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accessToken, hubPlaces } from '@arena/files/hub';
import { openTokenizer } from '@arena/judge/run';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { resolveBase } from '../src/hub/base.js';
import { ignoreInterrupts } from '../src/interrupt.js';
import { type Hub, openHub } from './hub-server.js';
import { arena, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let hub: Hub;
let gguf: Uint8Array;

beforeAll(async () => {
  w = await workspace();
  const names = await readdir(w.base);
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(w.base, name))] as const));
  gguf = await tinyGguf();
  hub = await openHub(new Map([...files, ['model.gguf', Buffer.from('x')], ['tiny-Q8_0.gguf', Buffer.from(gguf)]]));
});
afterAll(async () => {
  await hub.close();
  await rm(w.folder, { recursive: true });
});
beforeEach(() => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HOME', w.at('home'));
  for (const name of Object.keys(process.env)) {
    if (/^(HF_(?!ENDPOINT|HOME)|HUGGING|TRANSFORMERS_)/.test(name)) vi.stubEnv(name, undefined);
  }
  hub.downloads.length = 0;
});
afterEach(async () => {
  ignoreInterrupts();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(w.at('home'), { recursive: true, force: true });
});

test('a model is downloaded once, into the layout of huggingface_hub', async () => {
  const folder = await resolveBase('owner/tiny');
  expect(folder).toMatch(/models--owner--tiny.snapshots.[0-9a-f]{40}$/);
  const weights = await readFile(join(w.base, 'model.safetensors'));
  expect(await readFile(join(folder, 'model.safetensors'))).toEqual(weights);
  expect(await readdir(folder)).not.toContain('model.gguf');
  expect(await readlink(join(folder, 'model.safetensors'))).toMatch(/^..[\\/]..[\\/]blobs[\\/][0-9a-f]{64}$/);
  expect(await readlink(join(folder, 'config.json'))).toMatch(/^..[\\/]..[\\/]blobs[\\/][0-9a-f]{40}$/);
  expect(await readFile(join(folder, '../../refs/main'), 'utf8')).toBe(folder.slice(-40));
  expect((await openTokenizer(folder)).vocabSize).toBeGreaterThan(300);
  const asked = hub.downloads.length;
  expect(await resolveBase('owner/tiny')).toBe(folder);
  expect(hub.downloads).toHaveLength(asked);
});

test('a GGUF file of a model is downloaded alone, once', async () => {
  const path = await resolveBase('owner/tiny/tiny-Q8_0.gguf');
  expect(path).toMatch(/models--owner--tiny.snapshots.[0-9a-f]{40}.tiny-Q8_0\.gguf$/);
  expect(new Uint8Array(await readFile(path))).toEqual(gguf);
  expect(await readdir(join(path, '..'))).toEqual(['tiny-Q8_0.gguf']);
  expect((await openTokenizer(path)).vocabSize).toBe(600);
  const asked = hub.downloads.length;
  expect(await resolveBase('owner/tiny/tiny-Q8_0.gguf')).toBe(path);
  expect(hub.downloads).toHaveLength(asked);
  await expect(resolveBase('owner/tiny/other.gguf')).rejects.toThrow('holds no file "other.gguf"');
});

test('a GGUF file on the hub is described in place', async () => {
  const { code, out } = await arena('describe', '--base', 'owner/tiny/tiny-Q8_0.gguf');
  expect(code).toBe(0);
  expect(out).toContain('linears as Q8_0, 1 file');
  await expect(stat(w.at('home'))).rejects.toThrow('ENOENT');
});

test('a broken connection is taken up again', async () => {
  hub.breakAfter = 20_000;
  const folder = await resolveBase('owner/tiny');
  expect(hub.downloads.some((request) => /\.(json|safetensors) bytes=[1-9]\d*-$/.test(request))).toBe(true);
  expect((await stat(join(folder, 'model.safetensors'))).size).toBe(
    (await stat(join(w.base, 'model.safetensors'))).size,
  );
});

test('a snapshot that another tool left unfinished is completed', async () => {
  const folder = await resolveBase('owner/tiny');
  await rm(join(folder, 'model.safetensors'));
  expect(await resolveBase('owner/tiny')).toBe(folder);
  expect((await stat(join(folder, 'model.safetensors'))).isFile()).toBe(true);
});

test('a gated model: no token, a token whose account has not accepted, one that has (from the environment or the file)', async () => {
  await expect(resolveBase('owner/gated')).rejects.toThrow(/^owner\/gated: .*set HF_TOKEN/);
  vi.stubEnv('HF_TOKEN', 'hf_other');
  await expect(resolveBase('owner/gated')).rejects.toThrow('accept the licence');
  vi.stubEnv('HF_TOKEN', 'hf_accepted');
  await resolveBase('owner/gated');
  await rm(w.at('home/hub'), { recursive: true });
  vi.stubEnv('HF_TOKEN', undefined);
  await writeFile(w.at('home/token'), 'hf_accepted\n');
  await resolveBase('owner/gated');
});

test('no such model, no connection, offline by choice', async () => {
  await expect(resolveBase('owner/none')).rejects.toThrow('there is no such model');
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
  await expect(resolveBase('owner/tiny')).rejects.toThrow('is this machine online?');
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await expect(resolveBase('owner/tiny')).rejects.toThrow('HF_HUB_OFFLINE is set');
});

test('places follow the environment', () => {
  expect(hubPlaces({ HF_HOME: '/h' })).toMatchObject({ cache: join('/h', 'hub'), tokenFile: join('/h', 'token') });
  expect(hubPlaces({ XDG_CACHE_HOME: '/x' }).cache).toBe(join('/x', 'huggingface', 'hub'));
  expect(hubPlaces({ HF_HUB_CACHE: '/c', HF_ENDPOINT: 'http://h/' })).toMatchObject({
    cache: '/c',
    endpoint: 'http://h',
  });
});

// Right values: huggingface_hub 1.x, constants.py and utils/_auth.py, by hand; an empty variable is none, which is our own rule where
// Python would take the working directory
test.each<[string, NodeJS.ProcessEnv, object]>([
  [
    'empty ones count as not given',
    { HF_HOME: '', HF_HUB_CACHE: ' ', HF_ENDPOINT: '', XDG_CACHE_HOME: '' },
    { cache: '/me/.cache/huggingface/hub', endpoint: undefined },
  ],
  ['~ is the home folder', { HF_HOME: '~/hf' }, { cache: '/me/hf/hub', tokenFile: '/me/hf/token' }],
  [
    'variables are expanded',
    { HF_HOME: '$HOME/a', HF_HUB_CACHE: `${'$'}{SCRATCH}/hub` },
    { cache: '/scratch/hub', tokenFile: '/me/a/token' },
  ],
  ['line ends are no part of a path', { HF_HOME: '/h\n' }, { cache: '/h/hub' }],
  ['XDG_CACHE_HOME is expanded', { XDG_CACHE_HOME: '~/c' }, { cache: '/me/c/huggingface/hub' }],
  ['the older name of the cache', { HUGGINGFACE_HUB_CACHE: '/old' }, { cache: '/old' }],
  ['the newer name comes first', { HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' }, { cache: '/new' }],
  ['slashes at the end', { HF_ENDPOINT: 'http://h//' }, { endpoint: 'http://h' }],
  ['offline', { HF_HUB_OFFLINE: 'ON' }, { offline: 'HF_HUB_OFFLINE' }],
  ['not offline', { HF_HUB_OFFLINE: '0' }, { offline: undefined }],
  ['offline by transformers', { TRANSFORMERS_OFFLINE: '1' }, { offline: 'TRANSFORMERS_OFFLINE' }],
  [
    'offline by transformers, the other empty',
    { HF_HUB_OFFLINE: '', TRANSFORMERS_OFFLINE: 'yes' },
    { offline: 'TRANSFORMERS_OFFLINE' },
  ],
  ['the first of the two decides', { HF_HUB_OFFLINE: '0', TRANSFORMERS_OFFLINE: '1' }, { offline: undefined }],
])('the environment: %s', (_, env, want) => {
  expect(hubPlaces({ HOME: '/me', SCRATCH: '/scratch', ...env })).toMatchObject(want);
});

test('an empty HOME makes no folder here', () => {
  expect(hubPlaces({ HOME: '' }).cache).toMatch(/^([/\\]|\w:)/);
});

test.each([
  [{ HF_HOME: '$NOWHERE/x' }, /^HF_HOME: "\$NOWHERE\/x" is no folder/],
  [{ HF_HUB_CACHE: '~other/x' }, /^HF_HUB_CACHE: /],
  [{ HF_ENDPOINT: 'hf-mirror.example' }, /^HF_ENDPOINT: an address that begins with https/],
])('variables that cannot be meant are named: %j', (env, message) => {
  expect(() => hubPlaces({ HOME: '/me', ...env })).toThrow(message);
});

test('tokens: the first that is not empty, cleaned, and never shown', async () => {
  const none = { HF_HOME: w.at('none') };
  expect(await accessToken({ ...none, HF_TOKEN: ' ', HUGGING_FACE_HUB_TOKEN: 'hf_old\n' })).toBe('hf_old');
  expect(await accessToken({ ...none, HF_TOKEN: 'hf_new\r\n', HUGGING_FACE_HUB_TOKEN: 'hf_old' })).toBe('hf_new');
  expect(await accessToken({ ...none, HF_TOKEN: 'hf_new', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeUndefined();
  vi.stubEnv('HF_TOKEN', 'hf_\u2028secret');
  const { code, err } = await arena('describe', '--base', 'owner/tiny');
  expect(code).toBe(1);
  expect(err).toMatch(/^arena describe: HF_TOKEN: the token holds .*\n$/);
  expect(err).not.toContain('secret');
});
