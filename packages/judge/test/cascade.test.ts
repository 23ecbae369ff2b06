/** @file Two judges in turn, in place of whom stand tables of answers. */
import { syntheticBattles } from '@arena/data';
import { type Judge, predictInTurn } from '@arena/judge';
import { expect, test } from 'vitest';

const battles = syntheticBattles({ count: 20, seed: 1 })
  .slice(0, 4)
  .map((battle, i) => ({ ...battle, id: `${i}` }));

/** A judge that says these numbers, and what it was asked. */
function table(answers: number[][]): Judge & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async predictMany(some: typeof battles) {
      asked.push(...some.map(({ id }) => id));
      return some.map(({ id }) => {
        const [probabilityA, probabilityASwapped] = answers[Number(id)];
        return { id, probabilityA, ...(probabilityASwapped === undefined ? {} : { probabilityASwapped }) };
      });
    },
  } as unknown as Judge & { asked: string[] };
}

test('the second judge is asked where the mean of the first is near 1/2, and its answer counts', async () => {
  const first = table([[0.9, 0.8], [0.9, 0.2], [0.4], [0.1]]);
  const second = table([[0.01], [0.02], [0.03], [0.04]]);
  const answers = await predictInTurn(first, second, battles, { within: 0.1 });
  expect(second.asked).toEqual(['1', '2']);
  expect(answers.map(({ judge, probabilityA }) => [judge, probabilityA])).toEqual([
    [0, 0.9],
    [1, 0.02],
    [1, 0.03],
    [0, 0.1],
  ]);
  expect(answers.map(({ id }) => id)).toEqual(['0', '1', '2', '3']);
});

test('a judge that is certain of all leaves the second alone', async () => {
  const second = table([]);
  await predictInTurn(table([[1], [0], [1], [0]]), second, battles, { within: 0.4 });
  expect(second.asked).toEqual([]);
});

test.each([-0.1, 0.6, Number.NaN])('within %s: refused', async (within) => {
  const judge = table([]);
  await expect(predictInTurn(judge, judge, battles, { within })).rejects.toThrow('a number from 0 to 0.5 is expected');
});
