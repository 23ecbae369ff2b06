import { type Batch, classTargets, pairTargets } from '@arena/data';
import { toBatch } from '@arena/data/pack';
import { expect, test } from 'vitest';

const VOTES = { a: 0, b: 1, tie: 2, none: -1 };

function batchOf(...rows: [vote: keyof typeof VOTES, softLabel?: number[]][]): Batch {
  const count = { kept: 0, total: 0 };
  const cut = { prompt: count, responseA: count, responseB: count, rounds: count };
  return toBatch(
    rows.map(([vote, softLabel], row) => ({
      id: `${row}`,
      row,
      ids: Int32Array.of(1),
      label: VOTES[vote],
      cut,
      ...(softLabel ? { softLabel } : {}),
    })),
    rows.map((_, row) => row),
  );
}

function close(got: number[], want: number[]) {
  expect(got).toHaveLength(want.length);
  for (const [i, p] of got.entries()) expect(p).toBeCloseTo(want[i], 12);
}

test('votes alone are class numbers', () => {
  expect(classTargets(batchOf(['a'], ['b']), { classes: 2 })).toEqual([0, 1]);
  expect(classTargets(batchOf(['a'], ['tie'], ['b']), { classes: 3 })).toEqual([0, 2, 1]);
  expect(pairTargets(batchOf(['a'], ['b'], ['tie']))).toEqual([0, 1, 0.5]);
});

test('with two classes a tie is half of each', () => {
  expect(classTargets(batchOf(['a'], ['tie']), { classes: 2 })).toEqual([1, 0, 0.5, 0.5]);
});

test("a teacher's probabilities take their share of the target", () => {
  const batch = batchOf(['a', [0.5, 0.3, 0.2]], ['b'], ['none', [0.25, 0.75]]);
  const expected = [0.5 + 0.5 * 0.6, 0.5 * 0.4, 0, 1, 0.25, 0.75]; // the first tie's 0.2 is shared out
  close(classTargets(batch, { classes: 2, softShare: 0.5 }), expected);
  const three = [0.75, 0.15, 0.1, 0, 1, 0, 0.25, 0.75, 0];
  close(classTargets(batch, { classes: 3, softShare: 0.5 }), three);
  const b = [0.5 * 0 + 0.5 * 0.4, 1, 0.75];
  close(pairTargets(batch, { softShare: 0.5 }), b);
});

test('without a share soft labels are passed over', () => {
  expect(classTargets(batchOf(['b', [0.9, 0.1]]), { classes: 2 })).toEqual([1]);
  expect(() => classTargets(batchOf(['a'], ['none', [0.5, 0.5]]), { classes: 2 })).toThrow('row 1: has neither a vote');
});

test('a soft label that is no distribution is named', () => {
  expect(() => pairTargets(batchOf(['a', [0.5, 0.1]]), { softShare: 1 })).toThrow(
    'row 0: its soft label adds up to 0.6',
  );
});
