/** @file What a kind of judge is: the contract that each file of this folder fulfils. */
import type { Batch, Battle, Packed, PackOptions } from '@arena/data';
import type { AnswerPackOptions, PackTokenizer } from '@arena/data/pack';
import type { Loss } from '@arena/decoder';

/** What the head says, and how prompt and answers become tokens for it: the words of arena.json. */
export type Head =
  /** Probabilities of A, B and, with three classes, a tie: both answers are in one sequence. */
  | { head: 'classes'; pack: PackOptions }
  /** A reward for each answer, which is alone in its sequence: P(A) = sigmoid(reward of A - reward of B). */
  | { head: 'reward'; pack: AnswerPackOptions };

/** What a head says of one battle: probabilities that people prefer A, prefer B, or call it a tie. They add up to 1. */
export interface Verdict {
  a: number;
  b: number;
  /** 0 from a head that knows no ties. */
  tie: number;
  /** Natural logarithms of the same in float64, which hold where a probability is too small for its type. */
  log: { a: number; b: number; tie: number };
  /** Of A and B, from a reward head. */
  rewards?: [number, number];
}

/** A kind of judge. */
export type Objective = Head & {
  /** Labels of the head: 1 for rewards. */
  labels: number;
  /** Whether ties are a class of their own. Else one counts half for A and half for B. */
  knowsTies: boolean;
  /** Whether both answers stand in one sequence, so that their order can matter. Else each is a sequence of its own, A first. */
  ordered: boolean;
  /** Makes a function that packs battles. @throws DataError when the tokens do not hold the frame. */
  packer(tokenizer: PackTokenizer): (battle: Battle) => Packed;
  loss: Loss;
  /** What `loss` is given for a batch. @throws DataError naming the row of a battle without a vote to learn from. */
  targets(batch: Batch): number[];
  /** @param logits Of the battle's sequences, one after the other [sequences of a battle * labels]. */
  verdict(logits: ArrayLike<number>): Verdict;
};

/** What an objective is made with; without settings it is only good to predict. */
export interface Labelling {
  labelSmoothing?: number;
  softLabels?: number;
}

/** Logarithms of softmax, in float64. */
export function logSoftmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const normalizer = top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
  return values.map((value) => value - normalizer);
}
