import { answerPacker, DataError, type Packed, packer } from '@arena/data';
import { packBattle, packedFromBytes, packedToBytes, packingKey } from '@arena/data/pack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyBattle, battle, tokenizer } from './sample.js';

const options = { maxTokens: 400 };

test('any packed battles come back as they were', async () => {
  const extras = fc.record(
    { weight: fc.double({ min: 0, noNaN: true }), softLabel: fc.constantFrom<number[]>([0.1, 0.9], [0.2, 0.3, 0.5]) },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyBattle, extras), { maxLength: 6 }), async (battles) => {
      const packed: Packed[] = battles.map(([one, more], row) =>
        (row % 2 ? answerPacker : packer)(tokenizer, options)({ ...one, ...more, row, id: `é${row}` }),
      );
      expect(await packedFromBytes(packedToBytes(packed, 'k'))).toEqual({ packed, key: 'k' });
    }),
    { numRuns: 100, seed: 8 },
  );
});

test('a Node Buffer is read like any bytes', async () => {
  const packed = [battle({ row: 0 }), battle({ row: 1, prompt: ['why is the river blue?'] })].map((one) =>
    packBattle(one, tokenizer, options),
  );
  const file = Buffer.concat([Buffer.from('x'), packedToBytes(packed)]).subarray(1);
  expect((await packedFromBytes(file)).packed).toEqual(packed);
});

test('the key does not change with what the tokens do not depend on', async () => {
  const file = Uint8Array.of(1);
  const key = await packingKey([battle({ row: 3, id: 'x' })], file, options);
  expect(
    await packingKey(
      [battle({ row: 9, id: 'x', prompt: ['question 3'], modelA: 'm', flags: ['multi_turn'] })],
      file,
      options,
    ),
  ).toBe(key);
  expect(await packingKey([battle({ row: 3, id: 'y' })], file, options)).not.toBe(key);
  expect(await packingKey([battle({ row: 3, id: 'x', weight: 2 })], file, options)).not.toBe(key);
});

test('the key changes with anything that changes the tokens', async () => {
  const file = Uint8Array.of(1, 2);
  const key = await packingKey([battle()], file, options);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await packingKey([battle()], Uint8Array.of(1, 2), { ...options })).toBe(key);
  expect(await packingKey([battle({ responseA: ['yes!'] })], file, options)).not.toBe(key);
  expect(await packingKey([battle()], Uint8Array.of(1, 3), options)).not.toBe(key);
  expect(await packingKey([battle()], file, { maxTokens: 401 })).not.toBe(key);
});

test('other files, and damaged ones', async () => {
  const bytes = packedToBytes([packBattle(battle(), tokenizer, options)]);
  await expect(packedFromBytes(bytes.subarray(0, 40))).rejects.toThrow(/not a file of packed battles/);
  await expect(packedFromBytes(new Uint8Array(3))).rejects.toBeInstanceOf(DataError);
  const text = new TextDecoder('latin1').decode(bytes).replace('arena-packed-1', 'arena-packed-9');
  await expect(packedFromBytes(Uint8Array.from(text, (c) => c.charCodeAt(0)))).rejects.toThrow(
    /"arena-packed-9" found/,
  );
});
