import { type Battle, readBattles } from '@arena/data';
import { battleToRecord } from '@arena/data/read';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyBattle } from './sample.js';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
const extras: fc.Arbitrary<Partial<Battle>> = fc.record(
  {
    modelA: name,
    modelB: name,
    language: name,
    category: name,
    session: name,
    weight: fc.double({ min: 0, max: 9, noNaN: true }),
    softLabel: fc.constantFrom<number[]>([0.25, 0.75], [0.2, 0.3, 0.5]),
  },
  { requiredKeys: [] },
);

test('any battle comes back from its record', async () => {
  await fc.assert(
    fc.asyncProperty(anyBattle, extras, async (one, more) => {
      const wellFormed = (turns: string[]) => turns.map((turn) => turn.toWellFormed());
      const battle = { ...one, prompt: ['?', ...wellFormed(one.prompt)], ...more };
      battle.responseA = ['', ...wellFormed(one.responseA)];
      battle.responseB = ['x', ...wellFormed(one.responseB)];
      const bytes = new TextEncoder().encode(`${JSON.stringify(battleToRecord(battle))}\n`);
      const read: Battle[] = [];
      for await (const found of readBattles(bytes, { schema: 'jsonl' })) read.push(found);
      const { flags: _, ...fields } = read[0];
      const { flags: __, ...expected } = battle;
      expect(fields).toEqual({ ...expected, weight: more.weight === undefined ? undefined : Math.abs(more.weight) });
    }),
    { numRuns: 100, seed: 5 },
  );
});

test('one turn is a text, several a list; no vote is no winner', () => {
  const battle: Battle = {
    id: '7',
    row: 3,
    prompt: ['p'],
    responseA: ['a'],
    responseB: ['b'],
    winner: null,
    flags: [],
  };
  expect(battleToRecord(battle)).toEqual({ id: '7', prompt: 'p', response_a: 'a', response_b: 'b' });
  expect(battleToRecord({ ...battle, winner: 'tie' }).winner).toBe('tie');
});
