import { type Battle, cleanBattles, swapBattle } from '@arena/data';
import { expect, test } from 'vitest';
import { battle } from './sample.js';

const list: Battle[] = [
  battle({ row: 0 }),
  battle({ row: 1, winner: null }),
  battle({ row: 2, responseA: [''], responseB: [' \n'] }),
  battle({ row: 3, responseA: [''] }),
  battle({ row: 4, responseB: ['yes'] }),
  battle({ row: 5, prompt: ['question 0'] }),
  battle({ row: 6, prompt: ['question 0'], responseA: ['no'], responseB: ['yes'], winner: 'a' }),
  battle({ row: 7, winner: 'tie' }),
  battle({ row: 8, responseA: ['x'.repeat(30), 'y'], responseB: ['z', 'w'], prompt: ['p', 'q'] }),
];
const rows = (battles: Battle[]) => battles.map((one) => one.row);

test('defaults drop what teaches nothing', () => {
  const { battles, report } = cleanBattles(list);
  expect(rows(battles)).toEqual([0, 3, 8]);
  expect(report).toMatchObject({ read: 9, kept: 3, conflictingLabels: 1 });
  const counts = Object.fromEntries(Object.entries(report.dropped).map(([reason, { count }]) => [reason, count]));
  expect(counts).toEqual({ unlabeled: 1, bothEmpty: 1, identical: 1, duplicate: 1, swappedDuplicate: 1, tie: 1 });
  expect(report.dropped.unlabeled?.examples).toEqual([
    { id: 'id1', row: 1, prompt: 'question 1', responseA: 'yes', responseB: 'no' },
  ]);
});

test('a text that was changed after cleaning is another text', () => {
  const pair = [battle({ row: 0 }), battle({ row: 1, prompt: ['question 0'] })];
  expect(rows(cleanBattles(pair).battles)).toEqual([0]);
  pair[1].responseB = ['no, never'];
  expect(rows(cleanBattles(pair).battles)).toEqual([0, 1]);
  pair[1].responseB[0] = pair[0].responseB[0];
  expect(rows(cleanBattles(pair).battles)).toEqual([0]);
});

test('every reason can be kept', () => {
  const keep = 'keep' as const;
  const policy = {
    unlabeled: keep,
    bothEmpty: keep,
    identical: keep,
    duplicate: keep,
    swappedDuplicate: keep,
    ties: keep,
  };
  expect(cleanBattles(list, policy).battles.length).toBe(list.length);
  expect(rows(cleanBattles(list, { ...policy, oneEmpty: 'drop' }).battles)).not.toContain(3);
});

test('soft ties and capped texts', () => {
  const { battles, report } = cleanBattles(list, { ties: 'soft', maxChars: 20 });
  expect(battles.find((one) => one.row === 7)?.softLabel).toEqual([0.5, 0.5]);
  expect(battles.find((one) => one.row === 8)?.responseA).toEqual(['x'.repeat(20), 'y']);
  expect(report.changed).toMatchObject({ softTie: { count: 1 }, capped: { count: 1 } });
  expect(list[8].responseA[0].length).toBe(30);
  const emoji = battle({ responseA: ['ab😀'] });
  expect(cleanBattles([emoji], { maxChars: 3 }).battles[0].responseA).toEqual(['ab']);
});

test('a duplicate of a dropped battle is no duplicate', () => {
  const unlabeled = battle({ row: 0, winner: null });
  expect(rows(cleanBattles([unlabeled, battle({ row: 1, prompt: unlabeled.prompt })]).battles)).toEqual([1]);
});

test('swapping exchanges everything that has a side, and twice is nothing', () => {
  const one = battle({ modelA: 'm', softLabel: [0.7, 0.2, 0.1], language: 'English' });
  const swapped = swapBattle(one);
  expect(swapped).toEqual({
    id: one.id,
    row: 0,
    flags: [],
    prompt: one.prompt,
    language: 'English',
    responseA: ['no'],
    responseB: ['yes'],
    winner: 'b',
    modelB: 'm',
    softLabel: [0.2, 0.7, 0.1],
  });
  expect(swapBattle(swapped)).toEqual(one);
  expect(swapBattle(battle({ winner: 'tie' })).winner).toBe('tie');
});
