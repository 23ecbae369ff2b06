/** @file Measures a model on packed votes during training. */
import { batches, type Packed } from '@arena/data';
import { type Classifier, forward } from '@arena/decoder';
import type { Objective, Verdict } from './objectives/objective.js';
import { withStyle } from './style.js';

/** Tokens of a forward pass. */
const MEASURE_TOKENS = 4096;

/** How to measure. */
export interface MeasureOptions {
  signal?: AbortSignal;
  /** The style's log odds of the answer that is shown first, as the loss has them [packed]. Default: none. */
  style?: ArrayLike<number>;
}

/**
 * Mean loss against the votes and share of votes predicted right, over packed battles. Skips battles without a vote.
 * For a head without ties a tie is half of each, and half right in any case.
 */
export async function measure(
  model: Classifier,
  { verdict, knowsTies }: Objective,
  packed: Packed[],
  { signal, style }: MeasureOptions = {},
): Promise<{ loss: number; accuracy: number }> {
  const kept = packed.flatMap(({ label }, i) => (label >= 0 ? [i] : []));
  const voted = kept.map((i) => packed[i]);
  const sums = { loss: 0, accuracy: 0 };
  for (const { ids, offsets, labels, rows } of batches(voted, {
    tokensPerBatch: MEASURE_TOKENS,
    order: 'sequential',
  })) {
    const logits = await forward(model, { ids, offsets }, signal);
    const values = await logits.data();
    const width = logits.size / labels.length;
    logits.dispose();
    labels.forEach((label, i) => {
      const said = verdict(values.subarray(i * width, (i + 1) * width));
      const { log } = style ? withStyle(said, style[kept[rows[i]]], IN_LOSS, 'offset') : said;
      const shares = sharesOf(label, knowsTies);
      sums.loss -= SIDES.reduce((sum, side) => (shares[side] ? sum + shares[side] * log[side] : sum), 0);
      sums.accuracy += shares[likeliest(log)];
    });
  }
  return { loss: sums.loss / voted.length, accuracy: sums.accuracy / voted.length };
}

/** Margin and style, as the loss adds them. */
const IN_LOSS = { a: 1, b: 1 };

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
