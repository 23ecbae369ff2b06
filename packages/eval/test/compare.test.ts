import { compareRuns, evaluate, renderComparison } from '@arena/eval';
import { mcnemar } from '@arena/eval/metrics';
import { comparisonSummary } from '@arena/eval/report';
import { describe, expect, test } from 'vitest';
import { battle, predict, randomBattles } from './battles.js';

const rounds = { bootstrapRounds: 200, seed: 4 };
const battles = randomBattles(150, 51);
const runs = [
  { name: 'first', predictions: predict(battles, 52) },
  {
    name: 'knows',
    predictions: battles.map(({ id, winner }, i) => ({ id, probabilityA: (winner === 'a') === i % 5 > 0 ? 0.8 : 0.2 })),
  },
  { name: 'third', predictions: predict(battles, 53).toReversed() },
];

test('each run has the figures that its own report has, each pair the paired test of its counts', () => {
  const got = compareRuns(runs, battles, rounds);
  for (const [k, { predictions }] of runs.entries()) {
    const [own] = evaluate(predictions, battles, rounds).predictors;
    const { accuracy, logLoss, brier, auc, ece, name } = got.runs[k];
    expect(name).toBe(runs[k].name);
    expect({ accuracy, logLoss, brier, auc, ece }).toEqual({
      accuracy: own.accuracy,
      logLoss: own.logLoss,
      brier: own.brier,
      auc: own.auc,
      ece: own.ece,
    });
  }
  expect(got.pairs.map(({ first, second }) => [first, second])).toEqual([
    ['first', 'knows'],
    ['first', 'third'],
    ['knows', 'third'],
  ]);
  const right = runs.map(({ predictions }) => {
    const byId = new Map(predictions.map(({ id, probabilityA }) => [id, probabilityA]));
    return battles.map(({ id, winner }) => byId.get(id)! >= 0.5 === (winner === 'a'));
  });
  const b = battles.filter((_, i) => right[0][i] && !right[1][i]).length;
  const c = battles.filter((_, i) => !right[0][i] && right[1][i]).length;
  expect(got.pairs[0].mcnemar).toEqual(mcnemar(b, c));
  expect(got.pairs[0].accuracyDifference.value).toBeCloseTo((b - c) / 150, 12);
  expect(got.pairs[0].accuracyDifference.high).toBeLessThan(0);
  expect(got.notes.join()).toContain('3 pairs are compared');
  expect(compareRuns(runs, battles, rounds)).toEqual(got);
});

test('a run beside itself: no difference, and an interval of nothing', () => {
  const { pairs } = compareRuns([runs[0], { ...runs[0], name: 'again' }], battles, rounds);
  expect(pairs[0].accuracyDifference).toMatchObject({ value: 0, low: 0, high: 0 });
  expect(pairs[0].logLossDifference).toMatchObject({ value: 0, low: 0, high: 0 });
  expect(pairs[0].mcnemar.exactP).toBe(1);
});

test('ties and battles without a vote are counted apart; nothing to count is no error', () => {
  const some = [battle('1', 'p', 'x', 'y', 'tie'), battle('2', 'q', 'x', 'y', null)];
  const two = ['m', 'n'].map((name) => ({ name, predictions: predict(some, 1) }));
  const got = compareRuns(two, some, rounds);
  expect(got.data).toEqual({ battles: 2, n: 0, prompts: 0, ties: 1, unlabelled: 1 });
  expect(got.runs[0].accuracy.value).toBeNull();
  for (const format of ['html', 'markdown'] as const)
    expect(renderComparison(got, format)).not.toMatch(/NaN|undefined|Infinity/);
  expect(compareRuns(two, some, { ...rounds, ties: 'half' }).runs[0].accuracy.value).toBe(0.5);
});

test('HTML, markdown and JSON', () => {
  const evil = '"><script>alert(1)</script>|**x**';
  const got = compareRuns([runs[0], { ...runs[1], name: evil }], battles, { ...rounds, title: evil });
  const html = renderComparison(got, 'html');
  expect(html).not.toMatch(/<script|NaN|undefined|https?:/);
  expect(html).toContain('&#60;script&#62;');
  expect(renderComparison(got, 'markdown')).not.toContain('<script');
  expect(JSON.parse(renderComparison(got, 'json'))).toEqual(got);
  const summary = comparisonSummary(compareRuns(runs, battles, rounds));
  expect(summary).toMatch(
    /^knows is right most often, on 80\.0 % of 150 battles; \w+ follows with .*: a clear difference\./,
  );
  const unknown = compareRuns(runs, battles, { ...rounds, promptsKnown: false });
  expect(unknown.data.prompts).toBeNull();
  expect(comparisonSummary(unknown)).toContain('The prompts are not known');
  expect(renderComparison(unknown, 'html')).not.toContain('different prompts');
  const twins = compareRuns([runs[0], { ...runs[0], name: 'twin' }], battles, rounds);
  expect(comparisonSummary(twins)).toMatch(/^\w+ and twin are right equally often, on [\d.]+ % of 150 battles\./);
  expect(summary).toContain('| knows | 150 | 80.0 % [');
  expect(() => renderComparison(got, 'pdf' as 'html')).toThrow(/expected 'html', 'markdown' or 'json'/);
});

describe('bad input', () => {
  const [first, second] = runs;
  test.each([
    ['one run', [first], /1 runs are given; 2 to 20/],
    ['two of a name', [first, { ...second, name: 'first' }], /two runs have the name "first"/],
    [
      'a battle missing',
      [first, { ...second, predictions: second.predictions.slice(1) }],
      /knows battle row 1 .*no prediction/,
    ],
    [
      'an id twice',
      [first, { ...second, predictions: [...second.predictions, second.predictions[3]] }],
      /knows prediction row 151 .*given before/,
    ],
    [
      'another battle',
      [first, { ...second, predictions: [...second.predictions, { id: 'x', probabilityA: 0.5 }] }],
      /no battle has this id/,
    ],
    [
      'no probability',
      [{ name: 'r', predictions: [{ id: 'test-0', probabilityA: 1.5 }] }, second],
      /r prediction row 1 .*probabilityA is 1\.5/,
    ],
  ] as const)('%s', (_, list, message) => {
    expect(() => compareRuns(list, battles, rounds)).toThrow(message);
  });
});
