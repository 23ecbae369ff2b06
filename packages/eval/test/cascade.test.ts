import { compareRuns, renderComparison } from '@arena/eval';
import { cascadeCurve } from '@arena/eval/metrics';
import { comparisonSummary } from '@arena/eval/report';
import { expect, test } from 'vitest';

// certainties 0.4, 0.1, 0.3, 0.05, 0.2: the first is wrong on battles 1 and 3, the second on battle 0
const y = [1, 1, 0, 0, 1];
const first = [0.9, 0.4, 0.2, 0.55, 0.7];
const second = [0.3, 0.8, 0.1, 0.4, 0.9];

test('by hand: the least certain battles are asked again', () => {
  const points = cascadeCurve(first, second, y);
  expect(points.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(points.map(({ accuracy }) => accuracy)).toEqual([3 / 5, 4 / 5, 1, 1, 1, 4 / 5]);
  expect(points.map(({ within }) => within?.toFixed(3))).toEqual([
    undefined,
    '0.050',
    '0.100',
    '0.200',
    '0.300',
    '0.400',
  ]);
  // ln 0.9 + ln 0.8 (second) + ln 0.8 + ln 0.6 (second) + ln 0.7
  const expected = -(Math.log(0.9) + Math.log(0.8) + Math.log(0.8) + Math.log(0.6) + Math.log(0.7)) / 5;
  expect(points[2].logLoss).toBeCloseTo(expected, 12);
});

test('equally certain battles stay together; no battles give no points', () => {
  const points = cascadeCurve([0.6, 0.4, 0.6, 0.9], [1, 1, 1, 1], [1, 1, 1, 1]);
  expect(points.map(({ n, share }) => [n, share])).toEqual([
    [0, 0],
    [3, 0.75],
    [4, 1],
  ]);
  expect(cascadeCurve([], [], [])).toEqual([]);
});

const battles = y.map((one, i) => ({
  id: `${i}`,
  prompt: [`prompt ${i}`],
  responseA: ['a'],
  responseB: ['b'],
  winner: one ? ('a' as const) : ('b' as const),
}));
const run = (name: string, p: number[]) => ({
  name,
  predictions: p.map((probabilityA, i) => ({ id: `${i}`, probabilityA })),
});

test('a comparison of two shows it, in every form; of three it is refused', () => {
  const comparison = compareRuns([run('small', first), run('large', second)], battles, { cascade: true });
  expect(comparison.cascade).toEqual(cascadeCurve(first, second, y));
  expect(comparisonSummary(comparison)).toContain('| 40.0 % | 0.100 | 100.0 % |');
  expect(renderComparison(comparison, 'html')).toContain('In turn');
  expect(compareRuns([run('small', first), run('large', second)], battles).cascade).toBeUndefined();
  const three = [run('a', first), run('b', second), run('c', second)];
  expect(() => compareRuns(three, battles, { cascade: true })).toThrow('3 runs are given; a cascade is of two');
});
