/** @file A kind of judge: the contract of each file in this folder. */
import type { Batch, Battle, Packed, PackOptions } from '@arena/data';
import type { AnswerPackOptions, PackTokenizer } from '@arena/data/pack';
import type { Loss } from '@arena/decoder';

/** Kind of head and its packing, in the terms of arena.json. */
export type Head =
  /** Probabilities of A, B and, with three classes, a tie: both answers are in one sequence. */
  | { head: 'classes'; pack: PackOptions }
  /** A reward for each answer. Each answer has its own sequence: P(A) = sigmoid(reward of A - reward of B). */
  | { head: 'reward'; pack: AnswerPackOptions };

/** The verdict on one battle: probabilities that people prefer A, prefer B, or call it a tie. They add up to 1. */
export interface Verdict {
  a: number;
  b: number;
  /** 0 for a head without ties. */
  tie: number;
  /** Natural logarithms of the same in float64, exact where a probability is too small for its type. */
  log: { a: number; b: number; tie: number };
  /** Rewards of A and B, from a reward head. */
  rewards?: [number, number];
}

/** A kind of judge. */
export type Objective = Head & {
  /** Labels of the head: 1 for rewards. */
  labels: number;
  /** Whether ties are a class. Otherwise a tie counts half for A and half for B. */
  knowsTies: boolean;
  /**
   * Whether both answers are in one sequence, so that their order can matter. Otherwise each has its own sequence, A
   * first.
   */
  ordered: boolean;
  /** Makes a function that packs battles. @throws DataError when the tokens do not hold the frame. */
  packer(tokenizer: PackTokenizer): (battle: Battle) => Packed;
  loss: Loss;
  /** The targets of `loss` for a batch. @throws DataError naming the row of a battle without a vote to learn from. */
  targets(batch: Batch): number[];
  /** @param logits Logits of the battle's sequences, in order [sequences of a battle * labels]. */
  verdict(logits: ArrayLike<number>): Verdict;
};

/** Names of the head's labels, as other tools show them: A, B and tie, or reward. */
export function labelNames({ labels, knowsTies }: Pick<Objective, 'labels' | 'knowsTies'>): string[] {
  return labels === 1 ? ['reward'] : ['A', 'B', ...(knowsTies ? ['tie'] : [])];
}

/** Options for an objective. Without settings it can only predict. */
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
