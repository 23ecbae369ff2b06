/** @file Probabilities for packed battles, many at a time. */

import { type Battle, type PackOptions, packer, swapBattle } from '@arena/data';
import type { Prediction } from '@arena/eval';
import { type GemmaClassifier, type ScoreOptions, scoreSequences } from '@arena/gemma';
import type { Tokenizer } from '@arena/tokenizer';

export interface ScoringOptions extends ScoreOptions {
  /** Score the swapped order too. Default true. */
  swap?: boolean;
}

/** P(A is preferred) for each battle, in their order; with `swap`, also as seen with A and B exchanged. */
export async function scoreBattles(
  model: GemmaClassifier,
  battles: Battle[],
  tokenizer: Tokenizer,
  pack: PackOptions,
  options: ScoringOptions = {},
): Promise<Prediction[]> {
  const { swap = true, ...rest } = options;
  const packOne = packer(tokenizer, pack);
  const texts = swap ? battles.flatMap((battle) => [battle, swapBattle(battle)]) : battles;
  const together = swap ? 2 : 1; // both orders begin with the same prompt
  const ids = texts.map((battle) => packOne(battle).ids);
  const scores = await scoreSequences(model, ids, { together, ...rest });
  return battles.map(({ id }, i) => ({
    id,
    probabilityA: scores[i * together][0],
    ...(swap ? { probabilityASwapped: 1 - scores[i * together + 1][0] } : {}),
  }));
}

/** P(A) of one prediction: the mean of both orders where both were scored. */
export function meanOfOrders({ probabilityA, probabilityASwapped }: Prediction): number {
  return typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
}
