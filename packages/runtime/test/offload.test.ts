/** @file Tensors that leave the heap and come back: values stay, memory is used again, nobody sees another tensor's values. */
import { openEngine } from '@arena/runtime';
import { offload } from '@arena/runtime/op';
import { wasmBackend } from '@arena/runtime/wasm';
import { engine, matMul, slice, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

beforeAll(async () => {
  await openEngine('wasm', { threads: 1 });
});

const filled = (value: number) => tensor2d(new Float32Array(64 * 64).fill(value), [64, 64]);
const backend = () => wasmBackend(engine().backend);

test('values survive, and the heap gets its memory back', async () => {
  const before = backend().heap.bytesInUse;
  const x = filled(3);
  const y = matMul(x, filled(1)); // both in the heap now
  expect(backend().heap.bytesInUse).toBeGreaterThan(before);
  const want = [...y.dataSync()];
  offload([x, y]);
  expect([...y.dataSync()]).toEqual(want);
  const again = matMul(x, filled(1));
  expect([...again.dataSync()]).toEqual(want);
  offload([x, y, again]);
});

test('what was read or cut from an evicted tensor does not change when its array serves another', () => {
  const first = filled(5);
  matMul(first, first);
  offload([first]);
  const read = first.dataSync();
  const part = slice(first, [0, 0], [2, 64]) as Tensor2D;
  first.dispose();
  const second = filled(7);
  matMul(second, second);
  offload([second]); // takes the array of the first
  expect(second.dataSync()[0]).toBe(7);
  expect(read[0]).toBe(5);
  expect(part.dataSync()[0]).toBe(5);
});

test('on another engine it does nothing', async () => {
  await openEngine('cpu');
  const x = filled(2);
  offload([x]);
  expect(x.dataSync()[0]).toBe(2);
});
