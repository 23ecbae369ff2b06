import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobSource, bytesSource, openFile, urlSource } from '@arena/files';
import { openSafetensors, serialize, writeSafetensors } from '@arena/safetensors';
import { type Dtype, toFloat32 } from '@arena/safetensors/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FIXTURES = ['adapter_model', 'nf4_odd_count', 'nf4_vector_bf16'];
const pathOf = (name: string) => new URL(`./fixtures/${name}.safetensors`, import.meta.url).pathname;
const bytesOf = async (name: string) => new Uint8Array(await readFile(pathOf(name)));
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe.each(FIXTURES)('%s', (name) => {
  test('reading and serialising, in any order, gives the bytes of the reference writer', async () => {
    const want = await bytesOf(name);
    const file = await openSafetensors(bytesSource(want, name));
    const tensors = await Promise.all(file.names().reverse().map(file.read));
    expect(Buffer.compare(serialize(tensors, file.metadata), want)).toBe(0);
    const map = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    expect(Buffer.compare(serialize(map, file.metadata), want)).toBe(0);
  });

  test('every source reads the same', async () => {
    const bytes = await bytesOf(name);
    const onDisk = await openFile(pathOf(name));
    const served: typeof fetch = async (_, init) => {
      const [, begin, end] = /bytes=(\d+)-(\d+)/.exec((init!.headers as Record<string, string>).range)!.map(Number);
      const headers = { 'content-range': `bytes ${begin}-${end}/${bytes.length}`, etag: '"1"' };
      return new Response(bytes.slice(begin, end + 1), { status: 206, headers });
    };
    const sources = [onDisk, blobSource(new Blob([bytes])), await urlSource('http://localhost/x', { fetch: served })];
    const want = await openSafetensors(bytesSource(bytes));
    for (const source of sources) {
      const file = await openSafetensors(source);
      expect(file.names()).toEqual(want.names());
      for (const tensor of file.names()) expect(await file.read(tensor)).toEqual(await want.read(tensor));
      await file.close();
    }
  });

  test('a written file has the same bytes', async () => {
    const want = await bytesOf(name);
    const file = await openSafetensors(bytesSource(want));
    const lazy = file.names().map((tensor) => {
      const { dtype, shape } = file.tensors.get(tensor)!;
      return { name: tensor, dtype, shape, data: async () => (await file.read(tensor)).data };
    });
    const path = join(dir, `${name}.safetensors`);
    await writeSafetensors(path, lazy, file.metadata);
    expect(Buffer.compare(await readFile(path), want)).toBe(0);
  });
});

test('rows are the rows of the whole', async () => {
  const file = await openSafetensors(bytesSource(await bytesOf('adapter_model')));
  const name = file.names().find((key) => file.tensors.get(key)!.shape[0] > 4)!;
  const whole = await file.read(name);
  const part = await file.readRows(name, 1, 4);
  const width = whole.shape[1];
  expect(part.shape).toEqual([3, width]);
  expect(toFloat32(part)).toEqual(toFloat32(whole).slice(width, 4 * width));
  await expect(file.readRows(name, 0, whole.shape[0] + 1)).rejects.toThrow(/rows 0 to/);
  await expect(file.readRows(name, 0.5, 1)).rejects.toThrow(/rows 0.5 to/);
  await expect(file.read('nothing')).rejects.toThrow(/tensor "nothing": not in the file/);
});

test('the layout is by type from wide to narrow, then by UTF-8 name; metadata is pt, given or none', () => {
  const tensor = (name: string, dtype: Dtype, bytes: number) => ({
    name,
    dtype,
    shape: [1],
    data: new Uint8Array(bytes),
  });
  const list = [
    tensor('bool', 'BOOL', 1),
    tensor('\u{10000}', 'F16', 2),
    tensor('\uffff', 'F16', 2),
    tensor('b16', 'BF16', 2),
    tensor('u8', 'U8', 1),
    tensor('i8', 'I8', 1),
    tensor('i32', 'I32', 4),
    tensor('b', 'F32', 4),
    tensor('a', 'F32', 4),
    tensor('i64', 'I64', 8),
  ];
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(8, 8 + bytes[0] + 256 * bytes[1]));
  const header = text(serialize(list));
  expect(
    header.startsWith('{"__metadata__":{"format":"pt"},"i64":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},'),
  ).toBe(true);
  expect(Object.keys(JSON.parse(header)).slice(1)).toEqual([
    'i64',
    'a',
    'b',
    'i32',
    'b16',
    '\uffff',
    '\u{10000}',
    'i8',
    'u8',
    'bool',
  ]);
  expect(text(serialize([], null)).trimEnd()).toBe('{}');
  expect(text(serialize([], { b: '1', a: '2' })).trimEnd()).toBe('{"__metadata__":{"b":"1","a":"2"}}');
});

test('what cannot be written is refused, and the old file stays', async () => {
  const data = new Uint8Array(4);
  const one = { name: 'x', dtype: 'F32' as Dtype, shape: [1], data };
  expect(() => serialize([one, one])).toThrow(/given twice/);
  expect(() => serialize([{ ...one, name: '__metadata__' }])).toThrow(/reserved/);
  expect(() => serialize([{ ...one, shape: [2] }])).toThrow(/tensor "x": F32 \[2\] takes 8 bytes, its data has 4/);
  expect(() => serialize([{ ...one, shape: [-1] }])).toThrow(/not a shape/);
  const numbers = new Float32Array(1) as never; // from JavaScript: its bytes are as many, its values would be cut to bytes
  expect(() => serialize([{ ...one, data: numbers }])).toThrow(/"x": its data is a Float32Array; the bytes/);
  expect(() => serialize([{ ...one, dtype: 'F31' as Dtype }])).toThrow(/dtype "F31" is not known/);

  const path = join(dir, 'kept');
  await writeFile(path, 'old');
  const bad = { ...one, name: 'y', data: () => Promise.reject(new Error('lost')) };
  await expect(writeSafetensors(path, [one, bad])).rejects.toThrow('lost');
  for (const data of [
    numbers,
    () => numbers,
    async function* () {
      yield numbers;
    },
    'text' as never,
    [1, 2, 3, 4] as never,
  ]) {
    await expect(writeSafetensors(path, [{ ...one, data }])).rejects.toThrow(
      /its data is (a Float32Array|no Uint8Array)/,
    );
  }
  await expect(writeSafetensors(path, [{ ...one, data: () => new Uint8Array(3) }])).rejects.toThrow(/its data has 3/);
  expect(await readFile(path, 'utf8')).toBe('old');
  expect((await readdir(dir)).filter((file) => file.endsWith('.tmp'))).toEqual([]);
});
