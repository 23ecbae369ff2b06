/** @file The line of progress, on a stream that is no terminal and a clock of the test's own. */
import { expect, test } from 'vitest';
import { progress } from '../src/progress.js';

function lines(from: number | undefined, done: [step: number, seconds: number][]): string[] {
  const written: string[] = [];
  let seconds = 0;
  const stream = { isTTY: false, write: (text: string) => written.push(text.trim()) } as unknown as NodeJS.WriteStream;
  const bar = progress({ label: 'step', total: 200, from, unit: 'steps', stream, now: () => 1000 * seconds });
  for (const [step, at] of done) {
    seconds = at;
    bar.update(step);
  }
  return written;
}

test('what an earlier process did says nothing of the rate, and is no tenth to print', () => {
  expect(
    lines(100, [
      [101, 2],
      [119, 38],
      [120, 40],
      [140, 80],
    ]),
  ).toEqual([
    'step 120/200  0.50 steps/s, 2 min 40 s left', // 20 steps in 40 s
    'step 140/200  0.50 steps/s, 2 min 0 s left',
  ]);
});

test('from the start', () => {
  expect(
    lines(undefined, [
      [0, 0],
      [20, 10],
      [200, 100],
    ]),
  ).toEqual(['step 20/200  2.0 steps/s, 1 min 30 s left', 'step 200/200  2.0 steps/s']);
});
