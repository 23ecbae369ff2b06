/** @file Thousands of damaged files: a SafetensorsError or a right answer, and no read beyond the file. */
import { bytesFolder } from '@arena/files';
import { openCheckpoint, openSafetensors, SafetensorsError, serialize } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';
import { draws, mutate, withHeaderLength } from './mutate.js';

const draw = draws(7);
const random = (length: number) => Uint8Array.from({ length }, () => draw(256));
const file = serialize([
  { name: 'a', dtype: 'F32', shape: [2, 3], data: random(24) },
  { name: 'b.weight', dtype: 'BF16', shape: [4], data: random(8) },
  { name: 'c', dtype: 'U8', shape: [5], data: random(5) },
  { name: 'd', dtype: 'I64', shape: [], data: random(8) },
  { name: 'e', dtype: 'F16', shape: [0, 7], data: random(0) },
]);
const headerEnd = 8 + new DataView(file.buffer).getUint32(0, true);

/** Opens and reads everything; gives whether that worked. */
async function readAll(bytes: Uint8Array): Promise<boolean> {
  let asked = 0;
  const source = {
    size: bytes.length,
    name: 'fuzz',
    read: async (begin: number, end: number) => {
      if (!(begin >= 0 && begin <= end && end <= bytes.length)) throw new Error(`read ${begin} to ${end}`);
      asked += end - begin;
      return bytes.subarray(begin, end);
    },
  };
  try {
    const opened = await openSafetensors(source);
    for (const name of opened.names()) toFloat32(await opened.read(name));
    expect(asked).toBeLessThanOrEqual(bytes.length);
    return true;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    expect(error.message.length).toBeLessThan(1000);
    return false;
  }
}

test('2,000 damaged files, 2,000 damaged headers of a right length', async () => {
  let good = 0;
  for (let seed = 0; seed < 2000; seed++) {
    good += Number(await readAll(mutate(file, seed)));
    const header = mutate(file.subarray(8, headerEnd), seed);
    good += Number(await readAll(withHeaderLength(header, file.subarray(headerEnd))));
  }
  expect(good).toBeGreaterThan(0); // changed data, spaces, names
  expect(good).toBeLessThan(2000);
});

test('1,000 damaged indexes', async () => {
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const shards = names.map((_, i) => serialize([{ name: `t${i}`, dtype: 'U8', shape: [1], data: Uint8Array.of(i) }]));
  const index = JSON.stringify({ metadata: { total_size: 2 }, weight_map: { t0: names[0], t1: names[1] } }, null, 2);
  const asked = new Set<string>();
  let good = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const folder = bytesFolder({
      'model.safetensors.index.json': mutate(new TextEncoder().encode(index), seed),
      [names[0]]: shards[0],
      [names[1]]: shards[1],
    });
    try {
      const checkpoint = await openCheckpoint((name) => {
        asked.add(name);
        return folder(name);
      });
      for (const name of checkpoint.names()) await checkpoint.read(name);
      good++;
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
    }
  }
  expect(good).toBeGreaterThan(0);
  for (const name of asked) expect(name).not.toMatch(/[/\\:]/);
});
