/** @file Ratings of models where votes leave something open: groups that never met, models that never won, votes all alike. */
import { evaluate, renderReport } from '@arena/eval';
import type { LeaderboardSection } from '@arena/eval/report';
import { describe, expect, test } from 'vitest';
import { predict, randomBattles } from './battles.js';

const rounds = { bootstrapRounds: 200 };

describe('a leaderboard of votes that leave something open', () => {
  type Vote = [string, string, 'a' | 'b' | 'tie'];
  const boardOf = (votes: Vote[]) => {
    const battles = Array.from({ length: 60 }, (_, i) => {
      const [modelA, modelB, winner] = votes[i % votes.length];
      return { ...randomBattles(1, i)[0], id: `${i}`, prompt: [`p${i}`], modelA, modelB, winner };
    });
    const report = evaluate(predict(battles, 15), battles, { ...rounds, ties: 'half' });
    return { board: report.leaderboard!, page: renderReport(report, 'html') };
  };
  const noZeroWidth = ({ models }: LeaderboardSection) =>
    expect(
      models
        .flatMap(({ people, predicted }) => [people, predicted])
        .filter(({ low, high }) => low !== null && high! - low < 1e-6),
    ).toEqual([]);

  test('two groups that never met have a mean of 1000 each, and no common ranking', () => {
    const { board, page } = boardOf([
      ['m1', 'm2', 'a'],
      ['m2', 'm1', 'a'],
      ['m1', 'm2', 'a'],
      ['m3', 'm4', 'a'],
      ['m4', 'm3', 'a'],
    ]);
    expect(board.groups).toBe(2);
    expect(board.models.map(({ name, group }) => [name, group])).toEqual([
      ['m1', 1],
      ['m2', 1],
      ['m3', 2],
      ['m4', 2],
    ]);
    for (const group of [1, 2]) {
      const ratings = board.models.filter((model) => model.group === group).map(({ people }) => people.value!);
      expect((ratings[0] + ratings[1]) / 2).toBeCloseTo(1000, 6);
    }
    // 2 wins to 1: 400 log10(2) points, but for the ridge
    expect(board.models[0].people.value! - board.models[1].people.value!).toBeCloseTo(400 * Math.log10(2), -1);
    expect(board.spearman.value).toBeNull();
    expect(page).toContain('2 groups that never met');
    noZeroWidth(board);
  });
  test('a model that never won is open, the others are not', () => {
    const { board, page } = boardOf([
      ['loser', 'x', 'b'],
      ['x', 'y', 'a'],
      ['x', 'y', 'b'],
    ]);
    expect(Object.fromEntries(board.models.map(({ name, open }) => [name, open]))).toEqual({
      x: false,
      y: false,
      loser: true,
    });
    const loser = board.models.find(({ name }) => name === 'loser')!;
    expect(loser.people).toMatchObject({ low: null, high: null });
    expect(Number.isFinite(loser.people.value)).toBe(true);
    expect(page).toContain('leave the rating of loser open');
    noZeroWidth(board);
  });
  test.each<[string, Vote[]]>([
    ['one side always wins', [['x', 'y', 'a']]],
    ['all ties', [['x', 'y', 'tie']]],
    [
      'a chain of wins',
      [
        ['x', 'y', 'a'],
        ['y', 'z', 'a'],
      ],
    ],
  ])('%s: finite ratings, no interval of width 0', (_, votes) => {
    const { board } = boardOf(votes);
    for (const { people, predicted, styleControlled } of board.models)
      for (const value of [people.value, predicted.value, styleControlled]) expect(Number.isFinite(value)).toBe(true);
    noZeroWidth(board);
  });
});
