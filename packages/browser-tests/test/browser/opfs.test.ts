import { downloadCheckpoint, opfsFolder, opfsStore } from '@arena/files';
import { hubModel, opfsHubCache } from '@arena/files/hub';
import { GEMMA2_2B } from '@arena/gemma';
import { openCheckpoint, serialize } from '@arena/safetensors';
import { arenaCache } from '@arena/transformers';
import { afterAll, expect, it, vi } from 'vitest';
import { OpfsWorker } from './opfs.js';

const NAME = 'opfs-test';
const data = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251);
const weights = serialize([{ name: 'a', dtype: 'U8', shape: [data.length], data }]);
const file = { name: 'model.safetensors', url: URL.createObjectURL(new Blob([weights as Uint8Array<ArrayBuffer>])) };
const worker = new OpfsWorker();

afterAll(async () => {
  worker.terminate();
  await (await navigator.storage.getDirectory()).removeEntry(NAME, { recursive: true });
});

/** Answers ranges of the weights; the first answer breaks half-way. */
function brokenFetch(): typeof fetch {
  let broken = false;
  return async (_, init) => {
    const range = /bytes=(\d+)-(\d*)/.exec(new Headers(init?.headers).get('range') ?? '');
    const begin = Number(range?.[1] ?? 0);
    const part = weights.slice(begin, range?.[2] ? Number(range[2]) + 1 : undefined);
    const breaks = !broken && part.length > 1;
    broken ||= breaks;
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++) return breaks ? controller.error(new TypeError('the connection broke')) : controller.close();
        controller.enqueue(breaks ? part.subarray(0, part.length / 2) : part);
      },
    });
    const headers = { 'content-range': `bytes ${begin}-${begin + part.length - 1}/${weights.length}` };
    return new Response(body, { status: range ? 206 : 200, headers });
  };
}

it('downloads into OPFS on a page, takes a broken connection up again, and opens what it has', async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(NAME, { create: true });
  const sha256 = await digestOf(weights);
  const options = { fetch: brokenFetch() };
  await downloadCheckpoint([{ ...file, size: weights.length, sha256 }], opfsStore(folder), options);
  const checkpoint = await openCheckpoint(opfsFolder(folder));
  expect((await checkpoint.read('a')).data).toEqual(data);
  await checkpoint.close();
});

it('downloads into OPFS in a Worker, with a promised digest that is wrong first', async () => {
  const wrong = { ...file, name: 'w.safetensors', size: weights.length, sha256: '0'.repeat(64) };
  await expect(worker.ask({ folder: NAME, file: wrong })).rejects.toThrow('SHA-256');
  expect(await worker.ask({ folder: NAME, file: { ...wrong, sha256: await digestOf(weights) } })).toBe(weights.length);
});

it('loads a 4-bit model with adapters from OPFS, and writes one there', async () => {
  const shape = { vocab_size: 50, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2, head_dim: 16 };
  const config = { ...GEMMA2_2B, ...shape };
  const [stored, inMemory, written] = (await worker.ask({ folder: NAME, config })) as number[][];
  expect(stored).toHaveLength(4);
  expect(stored.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
  expect(stored).toEqual(inMemory);
  expect(written).toEqual(stored);
});

it('keeps a download of transformers.js where Arena finds it, and finds one of Arena', async () => {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(NAME, { create: true });
  const names = ['config.json', 'onnx/model.onnx'];
  const sha256 = await digestOf(data);
  const siblings = names.map((rfilename) => ({ rfilename, size: data.length, lfs: { sha256 } }));
  const answer = async (url: string) =>
    url.includes('/api/') ? Response.json({ sha: 'c0ffee'.repeat(7).slice(0, 40), siblings }) : new Response(data);
  vi.stubGlobal('fetch', answer);
  try {
    const kept = opfsHubCache(folder);
    const cache = arenaCache({ cache: kept });
    const urlOf = (id: string, name: string) => `https://huggingface.co/${id}/resolve/main/${name}`;
    const bytes = async (id: string, name: string) =>
      new Uint8Array(await ((await cache.match(urlOf(id, name))) as Response).arrayBuffer());
    for (const name of names) await cache.put(urlOf('a/b', name), await answer(urlOf('a/b', name)));
    for (const name of names) expect(await bytes('a/b', name)).toEqual(data);
    const source = await kept.folder('a/b')('onnx/model.onnx');
    expect(await source?.read(0, source.size)).toEqual(data);
    await kept.download(await hubModel('a/c', { all: true }));
    for (const name of names) expect(await bytes('a/c', name)).toEqual(data);
    expect(await cache.match(urlOf('a/d', 'config.json'))).toBeUndefined();
  } finally {
    vi.unstubAllGlobals();
  }
});

async function digestOf(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
