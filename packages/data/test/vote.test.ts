/** @file Votes in the words that files have for them, and what is said of others. */
import type { ReadOptions } from '@arena/data';
import { describe, expect, test } from 'vitest';
import { rowsOf, rowsOfRecords } from './rows.js';

const texts = { prompt: 'p', response_a: 'x', response_b: 'y' };
async function votesOf(records: object[], options?: ReadOptions) {
  const rows = await rowsOfRecords(
    records.map((record) => ({ ...texts, ...record })),
    options,
  );
  return rows.map(({ battle, rejected }) => (battle ? battle.winner : rejected!.detail));
}

describe('one column', () => {
  test.each<[unknown, 'a' | 'b' | 'tie' | null]>([
    ['model_a', 'a'],
    ['A', 'a'],
    [' b ', 'b'],
    ['Model_B', 'b'],
    ['response_a', 'a'],
    ['Tie', 'tie'],
    ['tie (bothbad)', 'tie'],
    ['', null],
    [null, null],
    ['NaN', null],
    ['None', null],
  ])('%j', async (winner, expected) => {
    expect(await votesOf([{ winner }])).toEqual([expected]);
  });
  test.each([0, 1, '1', true, 'False', 2.5])(
    '%j says not which answer: the message says how to tell',
    async (winner) => {
      const [said] = await votesOf([{ winner }]);
      expect(said).toContain(`winner is ${JSON.stringify(winner)}; nothing says which answer that is`);
      expect(said).toContain('`winnerValues` a=1,b=0');
    },
  );
  test('values with a meaning', async () => {
    const winnerValues = { a: '1', b: '0', tie: '-1' };
    expect(await votesOf([{ winner: 1 }, { winner: '0' }, { winner: -1 }, { winner: null }], { winnerValues })).toEqual(
      ['a', 'b', 'tie', null],
    );
    expect(await votesOf([{ winner: true }, { winner: false }], { winnerValues: { a: 'true', b: 'false' } })).toEqual([
      'a',
      'b',
    ]);
  });
  test('only the public words where that is asked for', async () => {
    const said = await votesOf([{ winner: 'A' }, { winner: null }, { winner: 'model_a' }], { strictVotes: true });
    expect(said).toEqual([expect.stringContaining('"A"'), expect.stringContaining('null'), 'a']);
  });
});

describe('a column a class', () => {
  const hot = (a: unknown, b: unknown, tie: unknown) => ({ winner_model_a: a, winner_model_b: b, winner_tie: tie });
  test.each<[object, 'a' | 'b' | 'tie' | null]>([
    [hot('True', 'False', 'False'), 'a'],
    [hot('FALSE', 'TRUE', 'FALSE'), 'b'],
    [hot('0.0', '0.0', '1.0'), 'tie'],
    [hot(true, false, false), 'a'],
    [hot(1, 0, null), 'a'],
    [hot('', '', ''), null],
    [hot('NaN', 'NaN', 'NaN'), null],
    [{ winner_model_a: 0, winner_model_b: 1 }, 'b'],
  ])('%j', async (record, expected) => {
    expect(await votesOf([record])).toEqual([expected]);
  });
  test('two winners, and none', async () => {
    const said = await votesOf([hot(1, 1, 0), hot(0, 0, 0)]);
    expect(said[0]).toBe('winner_model_a, winner_model_b, winner_tie are 1, 1, 0; one 1 or True is expected');
    expect(said[1]).toContain('are 0, 0, 0');
  });
  test('with plain texts, and with lists of them', async () => {
    const rows = await rowsOfRecords([
      { ...texts, ...hot(1, 0, 0) },
      { prompt: ['p', 'q'], response_a: ['x', 'z'], response_b: ['y', null], ...hot(0, 1, 0) },
    ]);
    expect(rows.map(({ battle }) => battle!.prompt)).toEqual([['p'], ['p', 'q']]);
  });
  test('an answer that is a list by itself does not make the file one of lists', async () => {
    const plain = Array.from({ length: 5 }, (_, i) => ({ ...texts, prompt: `p${i}`, ...hot(1, 0, 0) }));
    const rows = await rowsOfRecords([{ ...plain[0], response_a: '["red", "blue"]', response_b: '["red"]' }, ...plain]);
    expect(rows.map(({ battle }) => battle?.responseA)).toEqual([['["red", "blue"]'], ...plain.map(() => ['x'])]);
  });
  test('lists as Python prints them are named, and are not texts', async () => {
    const csv = `id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n1,"['p']","['x']","[""y's""]",1,0,0\n`;
    const [row] = await rowsOf(new Blob([csv]));
    expect(row.rejected).toMatchObject({
      row: 0,
      reason: 'bad_json',
      detail: expect.stringMatching(/^prompt is a list as Python prints it.*json\.dumps/),
    });
  });
});

describe('weights', () => {
  const weights = async (...all: unknown[]) => {
    const rows = await rowsOfRecords(all.map((weight) => ({ ...texts, winner: 'a', weight })));
    return rows.map(({ battle, rejected }) => (battle ? battle.weight : rejected!.detail));
  };
  test('an empty cell weighs 1, other texts are refused', async () => {
    expect(await weights('', null, 'nan', '0.5', 2, 0)).toEqual([undefined, undefined, undefined, 0.5, 2, 0]);
    expect(await weights('0,5', -1, 'heavy')).toEqual([
      'weight is "0,5"; a number from 0 is expected; write a decimal point',
      'weight is -1; a number from 0 is expected',
      'weight is "heavy"; a number from 0 is expected',
    ]);
  });
});
