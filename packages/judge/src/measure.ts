/** @file How well a model does on packed votes, while it is trained. */
import { batches, type Packed } from '@arena/data';
import { type Classifier, forward } from '@arena/decoder';
import type { Objective, Verdict } from './objectives/objective.js';

/** Tokens of a forward pass. */
const MEASURE_TOKENS = 4096;

/**
 * Mean loss against the votes and share of votes predicted right, over packed battles; those without a vote are passed
 * over. For a head that knows no ties a tie is half of each: half right whatever is said.
 */
export async function measure(
  model: Classifier,
  { verdict, knowsTies }: Objective,
  packed: Packed[],
  signal?: AbortSignal,
): Promise<{ loss: number; accuracy: number }> {
  const voted = packed.filter(({ label }) => label >= 0);
  const sums = { loss: 0, accuracy: 0 };
  for (const { ids, offsets, labels } of batches(voted, { tokensPerBatch: MEASURE_TOKENS, order: 'sequential' })) {
    const logits = await forward(model, { ids, offsets }, signal);
    const values = await logits.data();
    const width = logits.size / labels.length;
    logits.dispose();
    labels.forEach((label, i) => {
      const { log } = verdict(values.subarray(i * width, (i + 1) * width));
      const shares = sharesOf(label, knowsTies);
      sums.loss -= SIDES.reduce((sum, side) => (shares[side] ? sum + shares[side] * log[side] : sum), 0);
      sums.accuracy += shares[likeliest(log)];
    });
  }
  return { loss: sums.loss / voted.length, accuracy: sums.accuracy / voted.length };
}

const SIDES = ['a', 'b', 'tie'] as const;

/** How a vote is shared out: 0 for a, 1 for b, 2 for a tie. */
function sharesOf(label: number, knowsTies: boolean): Record<(typeof SIDES)[number], number> {
  if (label === 2 && !knowsTies) return { a: 0.5, b: 0.5, tie: 0 };
  return { a: Number(label === 0), b: Number(label === 1), tie: Number(label === 2) };
}

/** The first of the likeliest. */
function likeliest(log: Verdict['log']): (typeof SIDES)[number] {
  return SIDES.reduce((best, side) => (log[side] > log[best] ? side : best));
}
