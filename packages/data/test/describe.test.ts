import { describeBattles } from '@arena/data/describe';
import { expect, test } from 'vitest';
import { battle } from './sample.js';

test('what a set is made of', () => {
  const card = describeBattles([
    battle({ row: 0, modelA: 'm', modelB: 'n', language: 'English', responseA: ['long'], responseB: ['x'] }),
    battle({ row: 1, modelA: 'n', modelB: 'n', winner: 'b', responseA: ['long'], responseB: ['x'], duplicateOf: 0 }),
    battle({
      row: 2,
      winner: 'b',
      responseA: ['x', 'y'],
      responseB: ['ab', ''],
      prompt: ['p', 'q'],
      flags: ['multi_turn'],
      session: 's',
    }),
    battle({ row: 2, winner: 'tie' }),
    battle({ row: 0, winner: null }),
  ]);
  expect(card).toMatchObject({
    battles: 5,
    prompts: 4,
    sessions: 1,
    duplicates: 1,
    swappedDuplicates: 0,
    longerWins: 1 / 3,
  });
  expect(card.aWins).toBeCloseTo(1 / 3);
  expect(card.labels).toEqual([
    { name: 'b', count: 2 },
    { name: 'a', count: 1 },
    { name: 'none', count: 1 },
    { name: 'tie', count: 1 },
  ]);
  expect(card.models).toEqual([
    { name: 'n', count: 3 },
    { name: 'm', count: 1 },
  ]);
  expect(card.flags).toEqual([{ name: 'multi_turn', count: 1 }]);
  expect(card.turns).toEqual({ mean: 1.2, median: 1, p90: 2, p99: 2, max: 2 });
  expect(card.characters.responseA).toMatchObject({ median: 3, max: 4 });
});

test('an empty set', () => {
  expect(describeBattles([])).toMatchObject({ battles: 0, longerWins: null, aWins: null, turns: { mean: 0, max: 0 } });
});
