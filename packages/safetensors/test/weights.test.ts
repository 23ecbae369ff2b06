import { bytesFolder, type StoredTensor, type Weights } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import {
  openCheckpoint,
  openWeights,
  SafetensorsError,
  serialize,
  writeCheckpoint,
  writeSharded,
} from '@arena/safetensors';
import { checkpointWeights, floatWeights, fromFloat32, toFloat32, weightsView } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';

const values = Float32Array.from({ length: 21 }, (_, i) => i / 8 - 1);
const tensors = [
  { name: 'x', dtype: 'F32' as const, shape: [7, 3], data: fromFloat32(values, 'F32') },
  { name: 'y', dtype: 'BF16' as const, shape: [3, 7], data: fromFloat32(values, 'BF16') },
  { name: 'codes', dtype: 'U8' as const, shape: [2, 1], data: Uint8Array.of(18, 52) },
  { name: 'one', dtype: 'F32' as const, shape: [], data: fromFloat32(Float32Array.of(5), 'F32') },
];
const folder = bytesFolder({ 'model.safetensors': serialize(tensors), 'tokenizer.json': '{}' });

async function stored(weights: Weights, name: string): Promise<number[][]> {
  const parts: number[][] = [];
  for await (const part of weights.readStored(name)) parts.push([...part]);
  return parts;
}

test('a checkpoint as Weights: what is known, float32, rows, and bytes as stored', async () => {
  const weights = await openWeights(folder);
  const known: [string, StoredTensor][] = [
    ['x', { shape: [7, 3], stored: 'F32', bytes: 84 }],
    ['y', { shape: [3, 7], stored: 'BF16', bytes: 42 }],
    ['codes', { shape: [2, 1], stored: 'U8', bytes: 2 }],
    ['one', { shape: [], stored: 'F32', bytes: 4 }],
  ];
  expect(new Map(weights.tensors)).toEqual(new Map(known));
  for (const name of ['x', 'y']) expect(await weights.readFloat32(name)).toEqual(values);
  expect(await weights.readFloat32('y', [1, 2])).toEqual(values.slice(7, 14));
  expect([...(await weights.readFloat32('codes'))]).toEqual([18, 52]);
  for (const { name, data } of tensors) expect(await stored(weights, name)).toEqual([[...data]]);
  await expect(weights.readFloat32('z')).rejects.toThrow(SafetensorsError);
  await expect(weights.readFloat32('x', [6, 8])).rejects.toThrow('rows 6 to 8 were asked for, its shape is [7, 3]');
  await expect(stored(weights, 'z')).rejects.toThrow(SafetensorsError);
  await weights.close();
});

test('a tensor is read as stored whole, or in parts of some rows', async () => {
  const checkpoint = await openCheckpoint(folder);
  for (const [partBytes, lengths] of [
    [84, [84]],
    [30, [24, 24, 24, 12]],
    [1, Array(7).fill(12)],
  ] as const) {
    const parts = await stored(checkpointWeights(checkpoint, 'folder', partBytes), 'x');
    expect(parts.map(({ length }) => length)).toEqual(lengths);
    expect(parts.flat()).toEqual([...tensors[0].data]);
  }
});

test('a view gives tensors changed, leaves some out, and is written as any checkpoint', async () => {
  let closed = false;
  const weights = await openWeights(folder);
  const base = { ...weights, close: async () => void (closed = true) };
  let reads = 0;
  const doubled = async () => {
    reads++;
    return fromFloat32((await base.readFloat32('y')).map((value) => 2 * value), 'BF16'); // biome-ignore format: one step
  };
  const bias = { name: 'bias', dtype: 'F32' as const, shape: [1], data: fromFloat32(Float32Array.of(3), 'F32') };
  const view = weightsView(base, [{ name: 'y', dtype: 'BF16', shape: [3, 7], data: doubled }, bias, 'x']);
  expect([...view.tensors.keys()]).toEqual(['y', 'bias', 'x']);
  expect(reads).toBe(0); // nothing is made before it is asked for
  const twice = values.map((value) => 2 * value);
  expect(await view.readFloat32('y')).toEqual(twice);
  expect(await view.readFloat32('y', [2, 3])).toEqual(twice.slice(14));
  expect(await view.readFloat32('x', [0, 1])).toEqual(values.slice(0, 3));
  await expect(view.readFloat32('y', [2, 4])).rejects.toThrow('rows 2 to 4');
  await expect(view.readFloat32('codes')).rejects.toThrow(SafetensorsError);
  expect(() => weightsView(base, ['z'])).toThrow(SafetensorsError);

  const target = bytesTarget();
  const beside = { config: '{"a":1}', copied: { from: folder, files: ['tokenizer.json', 'tokenizer.model'] } };
  await writeCheckpoint(target, view, { ...beside, others: { 'arena.json': '{}' } });
  expect(Object.keys(target.files)).toEqual(['model.safetensors', 'config.json', 'tokenizer.json', 'arena.json']);
  const written = await openCheckpoint(bytesFolder(target.files));
  expect(written.names().sort()).toEqual(['bias', 'x', 'y']);
  expect(toFloat32(await written.read('y'))).toEqual(twice);
  await view.close();
  expect(closed).toBe(true);
});

test('writes Weights in several files, in the order of their tensors, and takes files of an earlier save away', async () => {
  const weights = await openWeights(folder);
  const target = bytesTarget();
  await writeSharded(target, weights);
  const whole = target.files['model.safetensors'];
  expect(whole).toEqual(serialize(tensors));
  const names = await writeSharded(target, weights, { maxShardBytes: 90 });
  expect(Object.keys(target.files)).toEqual(names);
  expect(names).toHaveLength(3);
  const index = JSON.parse(new TextDecoder().decode(target.files['model.safetensors.index.json']));
  expect(index.weight_map).toEqual({ one: names[0], x: names[0], y: names[1], codes: names[1] });
});

test('refuses to write what safetensors has no word for', async () => {
  const q4 = new Map([['w', { shape: [1, 32], stored: 'Q4_K', bytes: 18 }]]);
  const weights = { ...(await openWeights(folder)), place: 'model.gguf', tensors: q4 };
  await expect(writeSharded(bytesTarget(), weights)).rejects.toThrow('model.gguf, tensor "w": is stored as "Q4_K"');
});

test('types of another format become floats, some rows at a time', async () => {
  const weights = await openWeights(folder);
  const wide = Float32Array.from({ length: 3 * 2 ** 21 }, (_, i) => i % 257);
  const others = new Map<string, Float32Array>([
    ['blocks', wide],
    ['few', values],
  ]);
  const both: Weights = {
    ...weights,
    tensors: new Map([
      ...weights.tensors,
      ['blocks', { shape: [3, 2 ** 21], stored: 'Q8_0', bytes: 1 }],
      ['few', { shape: [21], stored: 'Q8_0', bytes: 1 }],
    ]),
    readFloat32: async (name, rows) => {
      const own = others.get(name);
      if (!own) return weights.readFloat32(name, rows);
      return rows ? own.subarray(rows[0] * 2 ** 21, rows[1] * 2 ** 21) : own;
    },
  };
  const floats = floatWeights(both, 'BF16');
  expect(floats.tensors.get('blocks')).toEqual({ shape: [3, 2 ** 21], stored: 'BF16', bytes: 3 * 2 ** 22 });
  expect(floats.tensors.get('codes')?.stored).toBe('U8');
  expect(await stored(floats, 'y')).toEqual(await stored(weights, 'y'));
  expect(await stored(floats, 'few')).toEqual([[...fromFloat32(values, 'BF16')]]);
  const lengths: number[] = [];
  const target = new Uint8Array(3 * 2 ** 22);
  let at = 0;
  for await (const part of floats.readStored('blocks')) {
    lengths.push(part.length);
    target.set(part, at);
    at += part.length;
  }
  expect(lengths).toEqual([3 * 2 ** 22]);
  expect(Buffer.compare(target, fromFloat32(wide, 'BF16'))).toBe(0);
  lengths.length = 0;
  for await (const part of floatWeights(both).readStored('blocks')) lengths.push(part.length);
  expect(lengths).toEqual([2 ** 24, 2 ** 23]);
  expect(await floats.readFloat32('few')).toBe(values);
  await floats.close();
});
