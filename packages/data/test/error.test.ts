/** @file One bad input for each code of a DataError. */
import { DataError, readBattles, splitBattles, syntheticBattles } from '@arena/data';
import { applySplits, type SplitsFile } from '@arena/data/split';
import { expect, test } from 'vitest';

const read = async (source: string | Blob) => {
  for await (const _ of readBattles(source, { onReject: 'throw' }));
};

test.each<[DataError['code'], () => unknown]>([
  ['read', () => read('no-such-file.jsonl')],
  ['format', () => read(new Blob(['[1, 2]']))],
  ['schema', () => read(new Blob(['{"question":"a","answer":"b"}\n']))],
  ['row', () => read(new Blob(['{"prompt":"a","response_a":"b","response_b":"c","winner":"nobody"}\n']))],
  ['saved', () => applySplits(syntheticBattles({ count: 4 }), { format: 'another' } as unknown as SplitsFile)],
  ['argument', () => splitBattles(syntheticBattles({ count: 4 }), { ratio: [1, -1, 0] })],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(DataError);
  expect(error).toMatchObject({ name: 'DataError', code });
});
