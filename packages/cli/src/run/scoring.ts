/** @file Probabilities for packed battles, many at a time. */

import { type Battle, type PackOptions, packer, swapBattle } from '@arena/data';
import type { Prediction } from '@arena/eval';
import { forward, type GemmaClassifier } from '@arena/gemma';
import type { Tokenizer } from '@arena/tokenizer';
import { softmax, tidy } from '@tensorflow/tfjs-core';

export interface ScoringOptions {
  /** Score the swapped order too. Default true. */
  swap?: boolean;
  /** Tokens a forward pass takes, at least one battle. Default 4,096. */
  tokensPerBatch?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** P(A is preferred) for each battle, in their order; with `swap`, also as seen with A and B exchanged. */
export async function scoreBattles(
  model: GemmaClassifier,
  battles: Battle[],
  tokenizer: Tokenizer,
  pack: PackOptions,
  options: ScoringOptions = {},
): Promise<Prediction[]> {
  const { swap = true, tokensPerBatch = 4096, onProgress, signal } = options;
  const packOne = packer(tokenizer, pack);
  const texts = battles.map((battle) => packOne(battle).ids);
  const swapped = swap ? battles.map((battle) => packOne(swapBattle(battle)).ids) : [];
  const all = [...texts, ...swapped];
  const order = [...all.keys()].sort((a, b) => all[a].length - all[b].length || a - b);
  const firstWins = new Float64Array(all.length);
  let done = 0;
  for (const group of groupByTokens(order, all, tokensPerBatch)) {
    signal?.throwIfAborted();
    const probabilities = await firstClass(
      model,
      group.map((i) => all[i]),
      signal,
    );
    group.forEach((i, k) => {
      firstWins[i] = probabilities[k];
    });
    done += group.length;
    onProgress?.(done, all.length);
  }
  return battles.map(({ id }, i) => ({
    id,
    probabilityA: firstWins[i],
    ...(swap ? { probabilityASwapped: 1 - firstWins[battles.length + i] } : {}),
  }));
}

/** P(A) of one prediction: the mean of both orders where both were scored. */
export function meanOfOrders({ probabilityA, probabilityASwapped }: Prediction): number {
  return typeof probabilityASwapped === 'number' ? (probabilityA + probabilityASwapped) / 2 : probabilityA;
}

function groupByTokens(order: number[], ids: Int32Array[], limit: number): number[][] {
  const groups: number[][] = [];
  let tokens = Infinity;
  for (const i of order) {
    if (tokens + ids[i].length > limit) {
      groups.push([]);
      tokens = 0;
    }
    groups[groups.length - 1].push(i);
    tokens += ids[i].length;
  }
  return groups;
}

/** P(class 0), which is "A is preferred", of each sequence. */
async function firstClass(model: GemmaClassifier, sequences: Int32Array[], signal?: AbortSignal): Promise<number[]> {
  const offsets = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, i) => {
    offsets[i + 1] = offsets[i] + sequence.length;
  });
  const ids = new Int32Array(offsets[sequences.length]);
  sequences.forEach((sequence, i) => {
    ids.set(sequence, offsets[i]);
  });
  const logits = await forward(model, { ids, offsets }, signal);
  const probabilities = tidy(() => softmax(logits));
  const values = await probabilities.data();
  const width = logits.shape[1];
  logits.dispose();
  probabilities.dispose();
  return sequences.map((_, i) => values[i * width]);
}
