/** @file One cache for transformers.js, Arena and huggingface_hub: on disk, in OPFS (in memory here), against a hub on this machine. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syntheticBattles } from '@arena/data';
import { diskStore, readFileAt } from '@arena/files';
import { diskHubCache, hubModel, opfsHubCache } from '@arena/files/hub';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { classifierGraph } from '../../onnx/src/classifier-graph.js';
import { graphSource } from '../../onnx/src/graph-source.js';
import { writeGraph } from '../../onnx/src/write.js';
import { tinyJudge } from '../../onnx/test/judges.js';
import { arenaCache } from '../src/index.js';
import { hasLibrary, loadLibrary } from './library.js';
import { memoryTree } from './memory-tree.js';

const COMMIT = 'c0ffee'.repeat(7).slice(0, 40);
const SMALL = Buffer.from('{"a": 1}');
const LARGE = Buffer.alloc(9_000_000, 'weights ');
const PIPELINE = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx', 'onnx/model.onnx_data'];

/** Files of `owner/tiny`; those of over 1 MB and graphs are large files, which another server sends. */
const files = new Map<string, Buffer>([
  ['config.json', SMALL],
  ['onnx/extra.onnx', LARGE],
]);
let asked: string[] = [];
/** What the hub sends in place of a file. */
const spoiled = new Map<string, Buffer>();
let hub = '';
let folder = '';

const server = createServer((request, response) => {
  const path = new URL(request.url!, 'http://h').pathname;
  if (path.startsWith('/api/models/owner/tiny/revision/')) {
    const siblings = [...files].map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
      ...(isLarge(rfilename, content) && { lfs: { sha256: createHash('sha256').update(content).digest('hex') } }),
    }));
    return response.end(JSON.stringify({ sha: COMMIT, siblings }));
  }
  const name = /^\/(?:cdn|owner\/tiny\/resolve\/[^/]+)\/(.+)$/.exec(path)?.[1] ?? '';
  const content = files.get(name);
  if (!content) return response.writeHead(404).end();
  if (!path.startsWith('/cdn/')) asked.push(name);
  if (!path.startsWith('/cdn/') && isLarge(name, content))
    return response.writeHead(302, { location: `/cdn/${name}` }).end();
  const sent = spoiled.get(name) ?? content;
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (first === undefined) return response.writeHead(200, { 'content-length': sent.length }).end(sent);
  const part = sent.subarray(Number(first), last ? Number(last) + 1 : undefined);
  const range = `bytes ${first}-${Number(first) + part.length - 1}/${sent.length}`;
  return response.writeHead(206, { 'content-length': part.length, 'content-range': range }).end(part);
});
const isLarge = (name: string, content: Buffer) => content.length > 1e6 || /\.onnx/.test(name);

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arena-cache-'));
  vi.stubEnv('HF_HOME', folder);
  vi.stubEnv('HF_ENDPOINT', hub);
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_HUB_CACHE', 'HF_TOKEN_PATH'])
    vi.stubEnv(name, undefined);
  asked = [];
  spoiled.clear();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const urlOf = (name: string, revision = 'main') => `${hub}/owner/tiny/resolve/${revision}/${name}`;
const snapshot = (...names: string[]) => join(folder, 'hub/models--owner--tiny/snapshots', COMMIT, ...names);
const textOf = async (found: Response | string | undefined) => (found as Response).text();

describe('on disk', () => {
  test('files lie as huggingface_hub has them: content by digest, linked from the commit', async () => {
    const cache = arenaCache();
    for (const name of files.keys()) {
      expect(await cache.match(urlOf(name))).toBeUndefined();
      await cache.put(urlOf(name), await fetch(urlOf(name)));
    }
    expect(await readFile(snapshot('config.json'))).toEqual(SMALL);
    expect(await readlink(snapshot('config.json'))).toMatch(/^\.\.[\\/]\.\.[\\/]blobs[\\/][0-9a-f]{40}$/);
    expect(await readlink(snapshot('onnx/extra.onnx'))).toMatch(/^(\.\.[\\/]){3}blobs[\\/][0-9a-f]{64}$/);
    expect(await readFile(snapshot('../../refs/main'), 'utf8')).toBe(COMMIT);
    expect(await readdir(snapshot('../../blobs'))).toHaveLength(2);
    const found = (await cache.match(urlOf('config.json'))) as Response;
    expect([found.headers.get('content-length'), await found.json()]).toEqual(['8', { a: 1 }]);
    expect(await cache.match(urlOf('onnx/extra.onnx'))).toBe(snapshot('onnx', 'extra.onnx'));
    expect(await textOf(await cache.match(urlOf('config.json', COMMIT)))).toBe(`${SMALL}`);
    expect(await cache.match(urlOf('config.json', 'other'))).toBeUndefined();
    expect(await cache.match(urlOf('other.json'))).toBeUndefined();
  });

  test('a revision with a slash, and a progress of bytes', async () => {
    const cache = arenaCache();
    const url = urlOf('onnx/extra.onnx', encodeURIComponent('refs/pr/1'));
    const seen: number[] = [];
    await cache.put(url, await fetch(url), ({ loaded, total, progress }) => {
      expect(progress).toBeCloseTo((100 * loaded) / total);
      seen.push(loaded);
    });
    expect(seen.at(-1)).toBe(LARGE.length);
    expect(await readFile(snapshot('../../refs/refs/pr/1'), 'utf8')).toBe(COMMIT);
    expect(await cache.match(url)).toBe(snapshot('onnx', 'extra.onnx'));
    expect(await cache.match(urlOf('onnx/extra.onnx'))).toBeUndefined();
  });

  test("what Arena downloaded is found, and the other way round what transformers.js kept isn't fetched again", async () => {
    const model = await hubModel('owner/tiny', { all: true, endpoint: hub });
    await diskHubCache().download(model);
    expect(await textOf(await arenaCache().match(urlOf('config.json')))).toBe(`${SMALL}`);
    await rm(join(folder, 'hub'), { recursive: true });
    const cache = arenaCache();
    for (const name of files.keys()) await cache.put(urlOf(name), await fetch(urlOf(name)));
    asked = [];
    await diskHubCache().download(model);
    expect(asked).toEqual([]);
    expect(await readFileAt(diskHubCache().folder('owner/tiny'), 'config.json')).toEqual(new Uint8Array(SMALL));
  });

  test('content that differs from the list is not kept', async () => {
    const cache = arenaCache();
    spoiled.set('onnx/extra.onnx', Buffer.alloc(LARGE.length));
    await expect(cache.put(urlOf('onnx/extra.onnx'), await fetch(urlOf('onnx/extra.onnx')))).rejects.toThrow(
      /owner\/tiny\/onnx\/extra.onnx: its SHA-256 is [0-9a-f]{64}, not/,
    );
    spoiled.set('config.json', Buffer.from('<html>'));
    await expect(cache.put(urlOf('config.json'), await fetch(urlOf('config.json')))).rejects.toThrow('6 bytes, not 8');
    expect(await cache.match(urlOf('config.json'))).toBeUndefined();
    expect(await readdir(snapshot('../../blobs'))).toEqual([]);
  });

  test('addresses and names that are not of the hub', async () => {
    const cache = arenaCache();
    for (const name of [
      '/models/owner/tiny/config.json',
      'C:\\models\\a.json',
      'https://elsewhere.org/a/b/resolve/main/c.json',
    ]) {
      expect(await cache.match(name)).toBeUndefined();
    }
    await expect(cache.put('https://elsewhere.org/a.wasm', new Response('x'))).rejects.toThrow(
      /is not a file of http:.*arenaCache\(\{ endpoint \}\) names another hub/,
    );
    await expect(cache.put(urlOf('other.json'), new Response('x'))).rejects.toThrow('lists no other.json at main');
    await expect(cache.match(urlOf('../../secret'))).rejects.toThrow('is not the name of a file or revision');
    const other = urlOf('config.json').replace('tiny', 'none');
    await expect(cache.put(other, new Response('x'))).rejects.toThrow('owner/none');
  });

  test('a blob that was there before is linked, another revision of it named', async () => {
    const blob = createHash('sha1').update(`blob ${SMALL.length}\0`).update(SMALL).digest('hex');
    await mkdir(snapshot('../../blobs'), { recursive: true });
    await writeFile(join(snapshot('../../blobs'), blob), SMALL);
    const before = (await stat(join(snapshot('../../blobs'), blob))).mtimeMs;
    await arenaCache().put(urlOf('config.json', 'v1'), await fetch(urlOf('config.json')));
    expect((await stat(snapshot('config.json'))).mtimeMs).toBe(before);
    expect(await readFile(snapshot('../../refs/v1'), 'utf8')).toBe(COMMIT);
  });
});

test('in OPFS: the snapshot holds the files, and a damaged one is not kept', async () => {
  const { handle, paths } = memoryTree();
  const kept = opfsHubCache(handle);
  const cache = arenaCache({ cache: kept, endpoint: hub });
  for (const name of files.keys()) await cache.put(urlOf(name), await fetch(urlOf(name)));
  const base = `models--owner--tiny`;
  const all = [
    `${base}/refs/main`,
    `${base}/snapshots/${COMMIT}/config.json`,
    `${base}/snapshots/${COMMIT}/onnx/extra.onnx`,
  ];
  expect(paths().sort()).toEqual(all);
  const graph = (await cache.match(urlOf('onnx/extra.onnx'))) as Response;
  expect(Buffer.from(await graph.arrayBuffer()).equals(LARGE)).toBe(true);
  expect(await readFileAt(kept.folder('owner/tiny'), 'config.json')).toEqual(new Uint8Array(SMALL));
  expect(await cache.match(urlOf('other.json'))).toBeUndefined();
  expect(await cache.match(urlOf('config.json', 'v1'))).toBeUndefined();

  const second = memoryTree();
  await opfsHubCache(second.handle).download(await hubModel('owner/tiny', { all: true, endpoint: hub }));
  expect(second.paths().sort()).toEqual(all);
  expect(await textOf(await arenaCache({ cache: opfsHubCache(second.handle) }).match(urlOf('config.json')))).toBe(
    `${SMALL}`,
  );

  const third = memoryTree();
  spoiled.set('config.json', Buffer.from('<html>'));
  const damaged = arenaCache({ cache: opfsHubCache(third.handle), endpoint: hub });
  await expect(damaged.put(urlOf('config.json'), await fetch(urlOf('config.json')))).rejects.toThrow('6 bytes, not 8');
  expect(third.paths()).toEqual([]);
});

test.skipIf(!hasLibrary)(
  'transformers.js of ARENA_ONNX loads a pipeline through it, then without the hub',
  async () => {
    const { base, files: judge } = await tinyJudge({ family: 'gemma3' });
    const at = join(folder, 'export');
    const source = await graphSource(base, judge);
    await writeGraph(diskStore(at), 'model', classifierGraph(source, 'fp32'), { largest: 1e5 });
    await source.close();
    const tokenizer = await readFileAt(base.location, 'tokenizer.json');
    const config = {
      model_type: 'modernbert',
      id2label: { 0: 'A', 1: 'B' },
      'transformers.js_config': { use_external_data_format: { 'model.onnx': true } },
    };
    files.set('config.json', Buffer.from(JSON.stringify(config)));
    files.set('tokenizer.json', Buffer.from(tokenizer!));
    files.set('tokenizer_config.json', Buffer.from('{"tokenizer_class": "GemmaTokenizer"}'));
    for (const name of PIPELINE.slice(3)) files.set(name, await readFile(join(at, name.slice(5))));

    const { pipeline, env } = await loadLibrary();
    env.allowLocalModels = false;
    env.remoteHost = hub;
    env.useCustomCache = true;
    env.customCache = arenaCache();
    const load = () => pipeline('text-classification', 'owner/tiny', { dtype: 'fp32', progress_callback: () => {} });
    const [battle] = syntheticBattles({ count: 1, seed: 2 });
    const first = await (await load())(battle.prompt[0], { top_k: null });
    expect([...new Set(asked)].sort()).toEqual([...PIPELINE].sort());
    for (const name of PIPELINE) expect(await readFile(snapshot(name))).toEqual(files.get(name));
    env.fetch = () => Promise.reject(new Error('the hub is gone'));
    expect(await (await load())(battle.prompt[0], { top_k: null })).toEqual(first);
  },
);
