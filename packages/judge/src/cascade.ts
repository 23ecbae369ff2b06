/** @file Two judges in turn: a fast one for all battles, a better one for those that the first is not certain of. */
import type { Battle } from '@arena/data';
import { JudgeError } from './error.js';
import type { Judge } from './open.js';
import { meanOfOrders, type Scored, type ScoringOptions } from './score.js';

/** Options of a cascade. */
export interface CascadeOptions extends ScoringOptions {
  /** The second judge is asked where the first's |P(A) - 1/2| is at most this, 0 to 0.5. `arena compare --cascade` shows what it does. */
  within: number;
}

/**
 * P(A is preferred) for each battle, in order, by the first judge where it is certain, and else by the second.
 * @returns Predictions of one of the two; `judge` says which, 0 or 1.
 * @throws JudgeError for a `within` that is no number from 0 to 0.5; and as `predictMany`.
 * @example
 * const answers = await predictInTurn(small, large, battles, { within: 0.1 });
 */
export async function predictInTurn(
  first: Judge,
  second: Judge,
  battles: Battle[],
  { within, ...options }: CascadeOptions,
): Promise<(Scored & { judge: 0 | 1 })[]> {
  if (!(within >= 0 && within <= 0.5))
    throw new JudgeError('settings', `\`within\` is ${within}: a number from 0 to 0.5 is expected`);
  const quick = await first.predictMany(battles, options);
  const unsure = quick.flatMap((scored, i) => (Math.abs(meanOfOrders(scored) - 0.5) <= within ? [i] : []));
  const asked = unsure.map((i) => battles[i]);
  const slow = asked.length ? await second.predictMany(asked, options) : [];
  const answers = quick.map((scored): Scored & { judge: 0 | 1 } => ({ ...scored, judge: 0 }));
  unsure.forEach((i, k) => {
    answers[i] = { ...slow[k], judge: 1 };
  });
  return answers;
}
