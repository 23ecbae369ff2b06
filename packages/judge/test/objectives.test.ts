/** @file The two kinds of judge: what they say against float64, and what they learn from against sums by hand. */
import { type Batch, type Battle, COMPACT_ANSWER_FRAME, COMPACT_FRAME } from '@arena/data';
import { completeSettings, type TrainingSettings } from '@arena/judge';
import { objectiveOfCard } from '@arena/judge/card';
import { objectiveOf } from '@arena/judge/run';
import { describe, expect, test } from 'vitest';

const of = (more: Partial<TrainingSettings>) => objectiveOf(completeSettings({ base: 'b', data: ['d'], ...more }));

/** softmax of float32 numbers, in float64. */
function exactly(logits: number[]): number[] {
  const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

const LOGITS = [
  [0, 0],
  [0.25, -1.5],
  [-30, 30],
  [88, -88],
  [3.5, 3.25],
];

describe('classes', () => {
  test.each(LOGITS)('two logits %f, %f: softmax to float32, its logarithms to float64', (first, second) => {
    const { a, b, tie, log, rewards } = of({}).verdict([first, second]);
    const want = exactly([first, second]);
    expect(tie).toBe(0);
    expect(rewards).toBeUndefined();
    for (const [k, said] of [a, b].entries()) {
      expect(Math.abs(said - want[k])).toBeLessThanOrEqual(2 ** -22);
      expect(said).toBe(Math.fround(said)); // as an engine would give it
    }
    // log softmax = -log(1 + exp(of the difference))
    expect(log.a).toBeCloseTo(-Math.log1p(Math.exp(second - first)), 12);
    expect(log.b).toBeCloseTo(-Math.log1p(Math.exp(first - second)), 12);
    expect(log.tie).toBe(Number.NEGATIVE_INFINITY);
  });

  test('three logits: a tie is a class of its own', () => {
    const objective = of({ classes: 3 });
    const { a, b, tie, log } = objective.verdict(Float32Array.of(0.5, -0.25, 1.75));
    const want = exactly([0.5, -0.25, 1.75]);
    for (const [k, said] of [a, b, tie].entries()) expect(said).toBeCloseTo(want[k], 6);
    for (const [k, said] of [log.a, log.b, log.tie].entries()) expect(said).toBeCloseTo(Math.log(want[k]), 12);
    expect(objective).toMatchObject({ head: 'classes', labels: 3, knowsTies: true, ordered: true });
  });

  test('targets are class numbers, or probabilities where a tie is half of each or a teacher says so', () => {
    expect(of({}).targets(batch([0, 1]))).toEqual([0, 1]);
    expect(of({}).targets(batch([0, 2]))).toEqual([1, 0, 0.5, 0.5]);
    expect(of({ classes: 3 }).targets(batch([0, 2]))).toEqual([0, 2]);
    expect(of({ softLabels: 0.5 }).targets(batch([0], [[0.5, 0.5]]))).toEqual([0.75, 0.25]);
  });
});

describe('reward', () => {
  test.each(LOGITS)('rewards %f, %f: P(A) is the sigmoid of their difference', (first, second) => {
    const { a, b, tie, log, rewards } = of({ loss: 'bradley-terry' }).verdict([first, second]);
    const [wantA, wantB] = exactly([first, second]);
    expect(a).toBeCloseTo(wantA, 14);
    expect(b).toBeCloseTo(wantB, 14);
    expect(tie).toBe(0);
    expect(rewards).toEqual([first, second]);
    expect(log.a).toBeCloseTo(-Math.log1p(Math.exp(second - first)), 12);
    expect(log.b).toBeCloseTo(-Math.log1p(Math.exp(first - second)), 12);
  });

  test('targets are the probability that B wins; smoothing draws them towards 1/2', () => {
    const of2 = (more: object) => of({ loss: 'bradley-terry', ...more });
    expect(of2({}).targets(batch([0, 1, 2]))).toEqual([0, 1, 0.5]);
    expect(of2({ labelSmoothing: 0.2 }).targets(batch([0, 1, 2]))).toEqual([0.1, 0.9, 0.5]);
    expect(of2({ softLabels: 1 }).targets(batch([0], [[0.25, 0.75]]))).toEqual([0.75]);
  });
});

test('packing follows the kind: one sequence with both answers, or one each', () => {
  const battle: Battle = {
    id: '1',
    row: 0,
    prompt: ['p'],
    responseA: ['yes'],
    responseB: ['no'],
    winner: 'a',
    flags: [],
  };
  const letters = { encode: (text: string) => Int32Array.from(text, (one) => one.charCodeAt(0)), tokenToId: () => 1 };
  const compact = { frame: 'compact', maxTokens: 300 } as const;
  expect(of(compact).pack).toEqual({ maxTokens: 300, frame: COMPACT_FRAME });
  expect(of(compact).packer(letters)(battle).second).toBeUndefined();
  const reward = of({ ...compact, loss: 'bradley-terry' });
  expect(reward.pack).toEqual({ maxTokens: 300, frame: COMPACT_ANSWER_FRAME });
  expect(reward.packer(letters)(battle).second).toBeGreaterThan(0);
});

test('a card names the objective; a head with other labels is refused', () => {
  const pack = { maxTokens: 64 };
  expect(objectiveOfCard({ head: 'classes', pack }, 2)).toMatchObject({ head: 'classes', labels: 2, knowsTies: false });
  expect(objectiveOfCard({ head: 'classes', pack }, 3)).toMatchObject({ labels: 3, knowsTies: true });
  expect(objectiveOfCard({ head: 'reward', pack }, 1)).toMatchObject({ head: 'reward', labels: 1, ordered: false });
  expect(() => objectiveOfCard({ head: 'reward', pack }, 3, 'run/adapter')).toThrow(
    "run/adapter: its head has 3 labels, arena.json says 'reward', which has 1",
  );
  expect(() => objectiveOfCard({ head: 'classes', pack }, 0)).toThrow('which has 2 or 3');
});

function batch(labels: number[], softLabels?: number[][]): Batch {
  return {
    ids: new Int32Array(),
    offsets: Int32Array.of(0),
    labels: Int32Array.from(labels),
    rows: Int32Array.from(labels.keys()),
    ...(softLabels ? { softLabels } : {}),
  };
}
