import { readFileAt } from '@arena/files';
import { memoryStore } from '@arena/judge';
import { readText } from '@arena/judge/votes';
import { expect, test } from 'vitest';

test('files and folders in memory are written, added to, named and taken away', async () => {
  const store = memoryStore();
  expect(await readText(store, 'a.txt')).toBeUndefined();
  await store.append('a.txt', 'one ');
  await store.append('a.txt', 'two');
  expect(await readText(store, 'a.txt')).toBe('one two');
  await store.write('a.txt', 'three');
  const bytes = Uint8Array.of(1, 2);
  await store.writeFolder('f', { 'x.bin': bytes, 'y.txt': 'y' });
  bytes[0] = 9; // what is kept is its own
  expect(await readFileAt(store.location('f'), 'x.bin')).toEqual(Uint8Array.of(1, 2));
  await store.writeFolder('f', { 'z.txt': 'z' });
  expect(await readFileAt(store.location('f'), 'x.bin')).toBeNull();
  expect(await readText(store, 'a.txt')).toBe('three');
  expect(await store.list()).toEqual(['a.txt', 'f']);
  await store.remove('f');
  await store.remove('nothing');
  expect(await store.list()).toEqual(['a.txt']);
  expect(await readFileAt(store.location('f'), 'z.txt')).toBeNull();
});
