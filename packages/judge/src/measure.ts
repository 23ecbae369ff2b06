/** @file Measures a model on packed votes during training. */
import { batches, type Packed } from '@arena/data';
import { type Classifier, forward } from '@arena/decoder';
import type { Objective, Verdict } from './objectives/objective.js';

/** Tokens of a forward pass. */
const MEASURE_TOKENS = 4096;

/**
 * Mean loss against the votes and share of votes predicted right, over packed battles. Skips battles without a vote.
 * For a head without ties a tie is half of each, and half right in any case.
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

/** Target of a vote: 0 for a, 1 for b, 2 for a tie. */
function sharesOf(label: number, knowsTies: boolean): Record<(typeof SIDES)[number], number> {
  if (label === 2 && !knowsTies) return { a: 0.5, b: 0.5, tie: 0 };
  return { a: Number(label === 0), b: Number(label === 1), tie: Number(label === 2) };
}

/** The first of the most probable classes. */
function likeliest(log: Verdict['log']): (typeof SIDES)[number] {
  return SIDES.reduce((best, side) => (log[side] > log[best] ? side : best));
}
