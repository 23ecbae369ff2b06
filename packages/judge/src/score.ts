/** @file Probabilities for battles, many at a time. */
import { type Battle, type Packed, swapBattle } from '@arena/data';
import type { Classifier, ScoreOptions } from '@arena/decoder';
import { logitsOfSequences } from '@arena/decoder/model';
import type { Prediction } from '@arena/eval';
import type { Tokenizer } from '@arena/tokenizer';
import type { Objective, Verdict } from './objectives/objective.js';

/** Options of scoring. */
export interface ScoringOptions extends ScoreOptions {
  /** Score the exchanged order, too, where the head sees both answers. Default true. */
  swap?: boolean;
}

/** A prediction with further outputs of the head. */
export interface Scored extends Prediction {
  /** Probabilities of A, B and a tie, shown as A, B, from a head of three classes. P(A) counts half of the tie. */
  probabilities?: [number, number, number];
  /** Rewards of A and B, from a reward head. */
  rewards?: [number, number];
}

/** A model and its packing. */
export interface Scorer {
  model: Classifier;
  tokenizer: Tokenizer;
  objective: Objective;
}

/** P(A is preferred) for each battle, in order. With `swap`, also with A and B exchanged. */
export async function scoreBattles(
  { model, tokenizer, objective }: Scorer,
  battles: Battle[],
  { swap = true, ...options }: ScoringOptions = {},
): Promise<Scored[]> {
  const { ordered, knowsTies, verdict } = objective;
  const pack = objective.packer(tokenizer);
  const both = swap && ordered;
  const shown = both ? battles.flatMap((battle) => [battle, swapBattle(battle)]) : battles;
  const sequences = shown.flatMap((battle) => sequencesOf(pack(battle)));
  const each = ordered ? 1 : 2; // sequences of a battle in one order
  // sequences side by side share the prompt
  const logits = await logitsOfSequences(model, sequences, { together: both ? 2 : each, ...options });
  const verdicts = shown.map((_, i) =>
    verdict(logits.slice(each * i, each * (i + 1)).flatMap((row) => Array.from(row))),
  );
  return battles.map(({ id }, i) => {
    const { a, b, tie, rewards } = verdicts[both ? 2 * i : i];
    const probabilityA = first(verdicts[both ? 2 * i : i]);
    return {
      id,
      probabilityA,
      ...(both ? { probabilityASwapped: 1 - first(verdicts[2 * i + 1]) } : {}),
      ...(knowsTies ? { probabilities: [a, b, tie] as [number, number, number] } : {}),
      ...(rewards ? { rewards } : {}),
    };
  });
}

function sequencesOf({ ids, second }: Packed): Int32Array[] {
  return second === undefined ? [ids] : [ids.subarray(0, second), ids.subarray(second)];
}

/** P(the answer that is shown first is preferred). */
function first({ a, tie }: Verdict): number {
  return a + tie / 2;
}

/** P(A) of one prediction: the mean of both orders where both were scored. */
export function meanOfOrders({ probabilityA, probabilityASwapped }: Prediction): number {
  return typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
}
