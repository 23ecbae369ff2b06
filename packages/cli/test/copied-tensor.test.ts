import { bytesFolder } from '@arena/files';
import { openCheckpoint, serialize } from '@arena/safetensors';
import { expect, test } from 'vitest';
import { copiedTensor } from '../src/run/copied-tensor.js';

test('a tensor is copied whole, or in parts of some rows', async () => {
  const data = Uint8Array.from({ length: 7 * 3 * 4 }, (_, i) => i);
  const file = serialize([{ name: 'x', dtype: 'F32', shape: [7, 3], data }]);
  const checkpoint = await openCheckpoint(bytesFolder({ 'model.safetensors': file }));
  const parts = async (part?: number) => {
    const { data: make } = copiedTensor(checkpoint, 'x', part);
    const made = await (make as () => Promise<Uint8Array> | AsyncIterable<Uint8Array>)();
    if (made instanceof Uint8Array) return [Array.from(made)];
    const all: number[][] = [];
    for await (const one of made) all.push(Array.from(one));
    return all;
  };
  expect(await parts()).toEqual([Array.from(data)]);
  for (const [part, lengths] of [
    [30, [24, 24, 24, 12]],
    [1, Array(7).fill(12)],
  ] as const) {
    const got = await parts(part);
    expect(got.map((one) => one.length)).toEqual(lengths);
    expect(got.flat()).toEqual(Array.from(data));
  }
});
