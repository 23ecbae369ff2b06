/** @file Probabilities for battles, many at a time. */

import { type AnswerPackOptions, answerPacker, type Battle, type PackOptions, packer, swapBattle } from '@arena/data';
import { logitsOfSequences, type ScoreOptions, scoreSequences } from '@arena/decoder';
import type { Prediction } from '@arena/eval';
import type { Head } from './model-card.js';
import type { TrainedModel } from './trained-model.js';

export interface ScoringOptions extends ScoreOptions {
  /** Score the swapped order too, where the head sees both answers at once. Default true. */
  swap?: boolean;
}

/** A prediction with what the head said beyond P(A). */
export interface Scored extends Prediction {
  /** Of A, B and a tie, shown as A, B: from a head of three classes. P(A) counts half of the tie. */
  probabilities?: [number, number, number];
  /** Of A and B: from a reward head. */
  rewards?: [number, number];
}

/** A model with its head's kind and packing. */
export type Scorer = Pick<TrainedModel, 'model' | 'tokenizer'> & { card: Head };

/** P(A is preferred) for each battle, in their order; with `swap`, also as seen with A and B exchanged. */
export async function scoreBattles(
  trained: Scorer,
  battles: Battle[],
  options: ScoringOptions = {},
): Promise<Scored[]> {
  const { swap = true, ...rest } = options;
  const { card } = trained;
  return card.head === 'reward'
    ? scoreRewards(trained, card.pack, battles, rest)
    : scoreClasses(trained, card.pack, battles, swap, rest);
}

async function scoreClasses(
  { model, tokenizer }: Scorer,
  pack: PackOptions,
  battles: Battle[],
  swap: boolean,
  options: ScoreOptions,
): Promise<Scored[]> {
  const packOne = packer(tokenizer, pack);
  const texts = swap ? battles.flatMap((battle) => [battle, swapBattle(battle)]) : battles;
  const together = swap ? 2 : 1; // both orders begin with the same prompt
  const ids = texts.map((battle) => packOne(battle).ids);
  const scores = await scoreSequences(model, ids, { together, ...options });
  const first = (i: number) => scores[i][0] + (scores[i][2] ?? 0) / 2;
  return battles.map(({ id }, i) => {
    const own = i * together;
    const [a, b, tie] = scores[own];
    return {
      id,
      probabilityA: first(own),
      ...(swap ? { probabilityASwapped: 1 - first(own + 1) } : {}),
      ...(tie === undefined ? {} : { probabilities: [a, b, tie] }),
    };
  });
}

async function scoreRewards(
  { model, tokenizer }: Scorer,
  pack: AnswerPackOptions,
  battles: Battle[],
  options: ScoreOptions,
): Promise<Scored[]> {
  const packOne = answerPacker(tokenizer, pack);
  const ids = battles.flatMap((battle) => {
    const { ids: both, second } = packOne(battle);
    return [both.subarray(0, second), both.subarray(second)];
  });
  const rewards = await logitsOfSequences(model, ids, { together: 2, ...options });
  return battles.map(({ id }, i) => {
    const pair: [number, number] = [rewards[2 * i][0], rewards[2 * i + 1][0]];
    return { id, probabilityA: 1 / (1 + Math.exp(pair[1] - pair[0])), rewards: pair };
  });
}

/** P(A) of one prediction: the mean of both orders where both were scored. */
export function meanOfOrders({ probabilityA, probabilityASwapped }: Prediction): number {
  return typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
}
