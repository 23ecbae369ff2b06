import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskStore, downloadCheckpoint, FileError, hubFolder, opfsStore } from '@arena/files';
import { hubModel } from '@arena/files/hub';
import { portableSha256, sha256 } from '@arena/files/write';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileServer, serveFiles } from './file-server.js';
import { memoryFolder } from './memory-folder.js';

const hexOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test.each([0, 1, 55, 56, 63, 64, 65, 119, 1000])("SHA-256 of %i bytes, in pieces, is Node's", (size) => {
  const bytes = randomBytes(size);
  for (const hash of [portableSha256(), sha256()]) {
    for (let at = 0; at < size; at += 37) hash.update(bytes.subarray(at, at + 37));
    expect(hash.hex()).toBe(hexOf(bytes));
  }
});

const weights = randomBytes(300_100);
let server: FileServer;
let root: string;

beforeEach(async () => {
  server = await serveFiles(
    new Map<string, Uint8Array | string>([
      ['/m/config.json', '{"model_type":"gemma2"}'],
      ['/m/tokenizer.json', '{}'],
      ['/m/model.safetensors', weights],
    ]),
  );
  root = await mkdtemp(join(tmpdir(), 'download-'));
});
afterEach(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

const page = memoryFolder(false);
const worker = memoryFolder(true);
const stores = {
  disk: () => diskStore(join(root, 'model')),
  'OPFS on a page': () => {
    page.files.clear();
    return opfsStore(page.handle);
  },
  'OPFS in a Worker': () => {
    worker.files.clear();
    return opfsStore(worker.handle);
  },
};

describe.each(Object.entries(stores))('to %s', (_, makeStore) => {
  test('downloads once', async () => {
    const store = makeStore();
    const seen: number[] = [];
    const names = await downloadCheckpoint(`${server.url}/m/`, store, {
      onProgress: ({ bytes }) => seen.push(bytes),
    });
    expect(names).toEqual(['config.json', 'tokenizer.json', 'model.safetensors']);
    expect(seen.at(-1)).toBe(weights.length + 25);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const source = (await store.open('model.safetensors'))!;
    expect(Buffer.compare(await source.read(0, source.size), weights)).toBe(0);
    await source.close?.();
    server.asked.length = 0;
    await downloadCheckpoint(`${server.url}/m`, store);
    expect(server.asked.filter((request) => !request.endsWith(' 0-0'))).toEqual(['/m/model.safetensors.index.json']);
  });

  test('takes a broken connection up again', async () => {
    const store = makeStore();
    server.breaks = [100_000];
    const file = { name: 'model.safetensors', url: `${server.url}/m/model.safetensors` };
    await downloadCheckpoint([{ ...file, size: weights.length, sha256: hexOf(weights) }], store);
    const [first, second] = server.asked;
    expect(first).toBe('/m/model.safetensors');
    expect(Number(/ (\d+)-$/.exec(second)?.[1])).toBeGreaterThan(0);
    const source = (await store.open('model.safetensors'))!;
    expect(Buffer.compare(await source.read(0, source.size), weights)).toBe(0);
    await source.close?.();
  });

  test('goes on where an aborted download stopped, in another run', async () => {
    const store = makeStore();
    const file = {
      name: 'w.bin',
      url: `${server.url}/m/model.safetensors`,
      size: weights.length,
      sha256: hexOf(weights),
    };
    const controller = new AbortController();
    server.breaks = [100_000];
    const stopped = downloadCheckpoint([file], store, {
      signal: controller.signal,
      onProgress: ({ bytes }) => bytes > 50_000 && controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    expect(await store.open('w.bin')).toBeNull();
    server.asked.length = 0;
    await downloadCheckpoint([file], store);
    expect(Number(/ (\d+)-$/.exec(server.asked[0])?.[1])).toBeGreaterThan(50_000);
    const source = (await store.open('w.bin'))!;
    expect(Buffer.compare(await source.read(0, source.size), weights)).toBe(0);
    await source.close?.();
  });

  test('keeps nothing of a file with another digest', async () => {
    const store = makeStore();
    const file = {
      name: 'w.bin',
      url: `${server.url}/m/model.safetensors`,
      size: weights.length,
      sha256: 'a'.repeat(64),
    };
    await expect(downloadCheckpoint([file], store)).rejects.toThrow(`not ${'a'.repeat(64)}`);
    expect(await store.open('w.bin')).toBeNull();
    await downloadCheckpoint([{ ...file, sha256: hexOf(weights) }], store);
    const source = (await store.open('w.bin'))!;
    expect(source.size).toBe(weights.length);
    await source.close?.();
  });

  test.each(['../x', 'a/b', '..', 'C:x'])('refuses the name %s', async (name) => {
    const file = { name, url: `${server.url}/m/config.json` };
    await expect(downloadCheckpoint([file], makeStore())).rejects.toThrow(FileError);
    expect(await readdir(root)).toEqual([]);
  });
});

test('a server without ranges sends everything again', async () => {
  server.whole = true;
  server.breaks = [100_000];
  const store = diskStore(root);
  await downloadCheckpoint(`${server.url}/m/`, store);
  expect(Buffer.compare(await readFile(join(root, 'model.safetensors')), weights)).toBe(0);
});

test('shards are those that the index names, and no name leads out of the folder', async () => {
  const files = new Map<string, string>([
    ['/s/model.safetensors.index.json', '{"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors"}}'],
    ['/s/x-1.safetensors', '1'],
    ['/s/x-2.safetensors', '22'],
    ['/bad/model.safetensors.index.json', '{"weight_map":{"a":"../x.safetensors"}}'],
  ]);
  const shards = await serveFiles(files);
  const names = await downloadCheckpoint(`${shards.url}/s`, diskStore(root));
  expect(names).toEqual(['x-1.safetensors', 'x-2.safetensors', 'model.safetensors.index.json']);
  expect((await readdir(root)).sort()).toEqual([...names].sort());
  await expect(downloadCheckpoint(`${shards.url}/bad`, diskStore(root))).rejects.toThrow('plain name');
  await shards.close();
});

test('the digest that the hub tells beside its redirection is checked', async () => {
  const sendOn = (path: string, digest: string) => {
    const headers = { location: '/m/model.safetensors', 'x-linked-etag': `"${digest}"` };
    server.refusals.set(path, { status: 302, headers });
    return [{ name: 'w.bin', url: server.url + path }];
  };
  await expect(downloadCheckpoint(sendOn('/wrong', 'c'.repeat(64)), diskStore(root))).rejects.toThrow('SHA-256');
  expect((await readdir(root)).filter((name) => !name.endsWith('.part'))).toEqual([]);
  await downloadCheckpoint(sendOn('/right', hexOf(weights)), diskStore(root));
  expect(await readdir(root)).toEqual(['w.bin']);
});

test('two downloads into one folder at once leave one whole file', async () => {
  server.breaks = [100_000];
  const file = {
    name: 'w.bin',
    url: `${server.url}/m/model.safetensors`,
    size: weights.length,
    sha256: hexOf(weights),
  };
  await Promise.all([1, 2, 3].map(() => downloadCheckpoint([file], diskStore(root))));
  expect(await readdir(root)).toEqual(['w.bin']);
  expect(Buffer.compare(await readFile(join(root, 'w.bin')), weights)).toBe(0);
});

test('an unfinished file of another version is removed, other files stay', async () => {
  await writeFile(join(root, 'w.bin.old.part'), 'x');
  await writeFile(join(root, 'w.bin2.old.part'), 'x');
  await downloadCheckpoint([{ name: 'w.bin', url: `${server.url}/m/config.json` }], diskStore(root));
  expect((await readdir(root)).sort()).toEqual(['w.bin', 'w.bin2.old.part']);
});

test('gives up on a server that is out of order, and at once on a missing file', async () => {
  server.refusals.set('/m/config.json', { status: 503 });
  const file = { name: 'config.json', url: `${server.url}/m/config.json`, size: 23, sha256: 'b'.repeat(64) };
  await expect(downloadCheckpoint([file], diskStore(root), { retries: 1 })).rejects.toThrow('answered 503');
  expect(server.asked.length).toBe(2);
  const missing = { name: 'x', url: `${server.url}/m/none` };
  await expect(downloadCheckpoint([missing], diskStore(root))).rejects.toThrow('404');
});

describe('hubModel', () => {
  const API = '/api/models/owner/model/revision/main';
  const siblings = [
    { rfilename: 'config.json', size: 23, blobId: '1'.repeat(40) },
    { rfilename: 'model.safetensors', size: 7, blobId: '2'.repeat(40), lfs: { sha256: '3'.repeat(64), size: 7 } },
    { rfilename: 'model.gguf', size: 7, blobId: '2'.repeat(40) },
    { rfilename: '../model.safetensors', size: 7, blobId: '2'.repeat(40) },
  ];
  const open = async (content: unknown) => {
    const hub = await serveFiles(new Map([[API, JSON.stringify(content)]]));
    return { hub, options: { endpoint: hub.url } };
  };

  test('lists what is needed, with sizes and digests', async () => {
    const { hub, options } = await open({ sha: 'c'.repeat(40), siblings });
    const model = await hubModel('owner/model', { ...options, token: 'hf_x' });
    expect(model.files).toEqual([
      {
        name: 'config.json',
        size: 23,
        blob: '1'.repeat(40),
        url: `${hub.url}/owner/model/resolve/${model.commit}/config.json`,
      },
      {
        name: 'model.safetensors',
        size: 7,
        blob: '3'.repeat(64),
        sha256: '3'.repeat(64),
        url: `${hub.url}/owner/model/resolve/${model.commit}/model.safetensors`,
      },
    ]);
    expect(model.headers).toEqual({ authorization: 'Bearer hf_x' });
    await hub.close();
  });

  test('hubFolder opens the files that are listed, with the token', async () => {
    const asked: (string | null)[] = [];
    const request: typeof fetch = async (url, init) => {
      if (String(url).includes('/api/')) return Response.json({ sha: 'c'.repeat(40), siblings });
      asked.push(new Headers(init?.headers).get('authorization'));
      return new Response('{', { status: 206, headers: { 'content-range': 'bytes 0-0/23' } });
    };
    const open = hubFolder(await hubModel('owner/model', { token: 'hf_x', fetch: request }), { fetch: request });
    expect((await open('config.json'))?.size).toBe(23);
    expect(await open('model.gguf')).toBeNull();
    expect(asked).toEqual(['Bearer hf_x']);
  });

  test.each([
    [401, 'RepoNotFound', 'there is no such model'],
    [404, 'RepoNotFound', 'there is no such model'],
    [404, 'RevisionNotFound', 'no such revision'],
    [401, 'GatedRepo', 'set HF_TOKEN'],
    [401, undefined, 'set HF_TOKEN'],
    [403, 'GatedRepo', 'accept the licence'],
    [500, undefined, 'answered 500'],
  ])('%i %s', async (status, code, message) => {
    const { hub, options } = await open({});
    hub.refusals.set(API, { status, headers: code ? { 'x-error-code': code } : {} });
    await expect(hubModel('owner/model', options)).rejects.toThrow(message);
    await hub.close();
  });

  test.each([
    [{}, 'did not answer with a commit'],
    [{ sha: 'c'.repeat(40), siblings: [] }, 'holds no configuration'],
    [{ sha: 'c'.repeat(40), siblings: [{ rfilename: 'config.json', size: 'x' }] }, 'no size or digest'],
  ])('answer %j', async (content, message) => {
    const { hub, options } = await open(content);
    await expect(hubModel('owner/model', options)).rejects.toThrow(message);
    await hub.close();
  });

  test('no id, no connection', async () => {
    await expect(hubModel('../etc')).rejects.toThrow('is not a model id');
    const { hub, options } = await open({});
    await hub.close();
    await expect(hubModel('owner/model', options)).rejects.toThrow('is this machine online?');
  });
});
