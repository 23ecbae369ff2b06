import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource, urlFolder } from '@arena/files';
import { openCheckpoint, SafetensorsError, writeSharded } from '@arena/safetensors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rm(root, { recursive: true }));

/** Names and shapes of the tiny Gemma 2 behind fixtures/model.safetensors.index.json, in its model's order. */
function gemmaTensors() {
  const list: { name: string; dtype: 'F32'; shape: number[]; data: Uint8Array }[] = [];
  const add = (name: string, ...shape: number[]) =>
    list.push({ name, dtype: 'F32', shape, data: new Uint8Array(4 * shape.reduce((a, b) => a * b)).fill(list.length) });
  add('model.embed_tokens.weight', 256, 64);
  for (const layer of ['model.layers.0', 'model.layers.1']) {
    add(`${layer}.self_attn.q_proj.weight`, 64, 64);
    add(`${layer}.self_attn.k_proj.weight`, 32, 64);
    add(`${layer}.self_attn.v_proj.weight`, 32, 64);
    add(`${layer}.self_attn.o_proj.weight`, 64, 64);
    add(`${layer}.mlp.gate_proj.weight`, 128, 64);
    add(`${layer}.mlp.up_proj.weight`, 128, 64);
    add(`${layer}.mlp.down_proj.weight`, 64, 128);
    for (const norm of ['input', 'post_attention', 'pre_feedforward', 'post_feedforward']) {
      add(`${layer}.${norm}_layernorm.weight`, 64);
    }
  }
  add('model.norm.weight', 64);
  add('score.weight', 2, 64);
  return list;
}

test('shards and index as transformers writes them, and back', async () => {
  const dir = join(root, 'sharded');
  const tensors = gemmaTensors();
  const files = await writeSharded(dir, tensors, { maxShardBytes: 200_000 });
  expect(files).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  const want = await readFile(new URL('./fixtures/model.safetensors.index.json', import.meta.url), 'utf8');
  expect(await readFile(join(dir, 'model.safetensors.index.json'), 'utf8')).toBe(want);

  const checkpoint = await openCheckpoint(dir);
  expect(checkpoint.names().sort()).toEqual(tensors.map((tensor) => tensor.name).sort());
  expect(checkpoint.totalBytes).toBe(363264);
  expect(checkpoint.metadata).toEqual({ format: 'pt' });
  for (const tensor of tensors) expect(await checkpoint.read(tensor.name)).toEqual(tensor);
  expect((await checkpoint.readRows('score.weight', 1, 2)).shape).toEqual([1, 64]);
  await expect(checkpoint.read('score.bias')).rejects.toThrow(SafetensorsError);
  await checkpoint.close();

  // A later save as one file takes the place of the shards; other files stay.
  await writeFile(join(dir, 'config.json'), '{}');
  expect(await writeSharded(dir, tensors)).toEqual(['model.safetensors']);
  expect((await readdir(dir)).sort()).toEqual(['config.json', 'model.safetensors']);
  const single = await openCheckpoint(dir);
  expect(single.names().length).toBe(tensors.length);
  await single.close();
});

test('a tensor larger than the limit has a file of its own', async () => {
  const tensor = (name: string, bytes: number) => ({
    name,
    dtype: 'U8' as const,
    shape: [bytes],
    data: new Uint8Array(bytes),
  });
  const dir = join(root, 'large');
  await writeSharded(dir, [tensor('a', 4), tensor('b', 30), tensor('c', 4), tensor('\u00e9', 4)], {
    maxShardBytes: 10,
  });
  const index = await readFile(join(dir, 'model.safetensors.index.json'), 'utf8');
  expect(JSON.parse(index).weight_map).toEqual({
    a: 'model-00002-of-00003.safetensors',
    b: 'model-00001-of-00003.safetensors',
    c: 'model-00002-of-00003.safetensors',
    '\u00e9': 'model-00003-of-00003.safetensors',
  });
  expect(index).toContain('"\\u00e9"');
});

describe('a checkpoint that does not hold together is refused', () => {
  const file = 'model-00001-of-00001.safetensors';
  test.each<[string, unknown, RegExp]>([
    ['no index', undefined, /neither model.safetensors nor model.safetensors.index.json/],
    ['not JSON', 'x', /not JSON/],
    ['null', 'null', /no "weight_map"/],
    ['list', { weight_map: [] }, /no "weight_map"/],
    ['empty', { weight_map: {} }, /is empty/],
    ['path traversal', { weight_map: { a: '../secret.safetensors' } }, /tensor "a": .*plain name/],
    ['absolute path', { weight_map: { a: '/etc/x.safetensors' } }, /plain name/],
    ['Windows path', { weight_map: { a: 'C:\\x.safetensors' } }, /plain name/],
    ['a number', { weight_map: { a: 7 } }, /plain name/],
    ['another kind of file', { weight_map: { a: 'pytorch_model.bin' } }, /plain name/],
    ['missing shard', { weight_map: { a: 'gone.safetensors' } }, /"gone.safetensors".* is missing/],
    ['tensor not in its shard', { weight_map: { b: file } }, /tensor "b": the index says/],
    ['name twice', `{"weight_map":{"a":"${file}","a":"${file}"}}`, /"a" twice/],
    ['cut shard', { weight_map: { a: 'cut.safetensors' } }, /cut short/],
  ])('%s', async (name, index, message) => {
    const dir = join(root, name.replaceAll(' ', '-'));
    await mkdir(dir);
    await writeSharded(dir, [{ name: 'a', dtype: 'U8', shape: [2], data: Uint8Array.of(1, 2) }]);
    const whole = await readFile(join(dir, 'model.safetensors'));
    await rm(join(dir, 'model.safetensors'));
    await writeFile(join(dir, file), whole);
    await writeFile(join(dir, 'cut.safetensors'), whole.subarray(0, whole.length - 1));
    const text = typeof index === 'string' ? index : JSON.stringify(index);
    if (index !== undefined) await writeFile(join(dir, 'model.safetensors.index.json'), text);
    const error = await openCheckpoint(dir).catch((reason) => reason);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error.message).toMatch(message);
  });
});

test('no tensors are refused before anything is touched', async () => {
  const dir = join(root, 'kept');
  await writeSharded(dir, gemmaTensors());
  await expect(writeSharded(dir, [])).rejects.toThrow(
    new SafetensorsError('argument', 'there are no tensors to write', dir),
  );
  expect(await readdir(dir)).toEqual(['model.safetensors']);
  await expect(writeSharded(join(root, 'none'), [])).rejects.toThrow('there are no tensors to write');
  expect(await readdir(root)).not.toContain('none');
});

test('opens through any function that opens a file by name', async () => {
  const dir = join(root, 'opener');
  await writeSharded(dir, gemmaTensors(), { maxShardBytes: 200_000 });
  const checkpoint = await openCheckpoint(async (file) =>
    file === 'model.safetensors' ? null : bytesSource(await readFile(join(dir, file)), file),
  );
  expect(checkpoint.files.length).toBe(2);
});

test('opens from a web folder by ranges, an absent file by its 404', async () => {
  const dir = join(root, 'web');
  const tensors = gemmaTensors();
  await writeSharded(dir, tensors, { maxShardBytes: 200_000 });
  const asked: string[] = [];
  const served: typeof fetch = async (url, init) => {
    asked.push(String(url));
    const bytes = await readFile(join(dir, String(url).slice('http://localhost/m/'.length))).catch(() => null);
    if (!bytes) return new Response(null, { status: 404 });
    const [, begin, end] = /bytes=(\d+)-(\d+)/.exec((init!.headers as Record<string, string>).range)!.map(Number);
    const headers = { 'content-range': `bytes ${begin}-${end}/${bytes.length}` };
    return new Response(bytes.subarray(begin, end + 1), { status: 206, headers });
  };
  const checkpoint = await openCheckpoint(urlFolder('http://localhost/m/', { fetch: served }));
  expect(asked[0]).toBe('http://localhost/m/model.safetensors');
  expect((await checkpoint.read('score.weight')).data).toEqual(tensors.at(-1)!.data);
});
