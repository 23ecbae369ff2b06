/** @file The synthetic battles hold what they promise: a planted rule, stated noise, and no help from length or position. */
import { syntheticBattles } from '@arena/data';
import { syntheticCeiling } from '@arena/data/describe';
import { expect, test } from 'vitest';

const CUES = /because|example|Measure|Tests show|reason|Compare|reliable|evidence/g;
const battles = syntheticBattles({ count: 20_000, seed: 5, dirt: 0 });
const share = (test: (battle: (typeof battles)[number]) => boolean) => battles.filter(test).length / battles.length;
const cues = (turns: string[]) => turns[0].match(CUES)?.length ?? 0;
// Five standard errors of a share of 20,000.
const SLACK = 0.018;

test('the careful answer wins as often as the ceiling says', () => {
  const right = share(({ responseA, responseB, winner }) => cues(responseA) > cues(responseB) === (winner === 'a'));
  expect(Math.abs(right - syntheticCeiling())).toBeLessThan(SLACK);
});

test('neither length nor position decides', () => {
  expect(Math.abs(share(({ winner }) => winner === 'a') - 0.5)).toBeLessThan(SLACK);
  const longer = share(
    ({ responseA, responseB, winner }) => responseA[0].length > responseB[0].length === (winner === 'a'),
  );
  expect(Math.abs(longer - 0.5)).toBeLessThan(SLACK);
});

test('equal seeds give equal battles, others do not', () => {
  expect(syntheticBattles({ count: 30, seed: 1 })).toEqual(syntheticBattles({ count: 30, seed: 1 }));
  expect(syntheticBattles({ count: 30, seed: 1 })).not.toEqual(syntheticBattles({ count: 30, seed: 2 }));
});

test('dirty rows are among them when asked for', () => {
  const dirty = syntheticBattles({ count: 2000, seed: 3, dirt: 0.1 });
  expect(dirty.length).toBeGreaterThan(2150);
  expect(dirty.some(({ responseA }) => responseA[0] === '')).toBe(true);
  expect(dirty.some(({ winner }) => winner === 'tie')).toBe(true);
});
