/** @file Class probabilities of many sequences: batched by length, given back in their order. */
import { softmax, tidy } from '@tensorflow/tfjs-core';
import { breathe } from './breathe.js';
import { forward } from './classifier.js';
import type { GemmaClassifier } from './model.js';

export interface ScoreOptions {
  /** Tokens that a forward pass takes; a longer sequence is one of its own (default 4,096). */
  tokensPerBatch?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * softmax of the logits of each sequence of token ids: [sequences][numLabels]. Sequences of like length share a pass.
 * @throws the signal's reason when aborted.
 */
export async function scoreSequences(
  model: GemmaClassifier,
  sequences: readonly Int32Array[],
  { tokensPerBatch = 4096, onProgress, signal }: ScoreOptions = {},
): Promise<Float32Array[]> {
  const order = [...sequences.keys()].sort((a, b) => sequences[a].length - sequences[b].length || a - b);
  const scores = new Array<Float32Array>(sequences.length);
  let done = 0;
  for (const group of groupByTokens(order, sequences, tokensPerBatch)) {
    signal?.throwIfAborted();
    const probabilities = await scoreBatch(
      model,
      group.map((i) => sequences[i]),
      signal,
    );
    group.forEach((i, row) => {
      scores[i] = probabilities[row];
    });
    done += group.length;
    onProgress?.(done, sequences.length);
    await breathe(signal);
  }
  return scores;
}

function groupByTokens(order: number[], sequences: readonly Int32Array[], limit: number): number[][] {
  const groups: number[][] = [];
  let tokens = Number.POSITIVE_INFINITY;
  for (const i of order) {
    if (tokens + sequences[i].length > limit) {
      groups.push([]);
      tokens = 0;
    }
    groups[groups.length - 1].push(i);
    tokens += sequences[i].length;
  }
  return groups;
}

async function scoreBatch(
  model: GemmaClassifier,
  sequences: Int32Array[],
  signal?: AbortSignal,
): Promise<Float32Array[]> {
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
  const values = (await probabilities.data()) as Float32Array;
  const width = logits.shape[1];
  logits.dispose();
  probabilities.dispose();
  return sequences.map((_, i) => Float32Array.from(values.subarray(i * width, (i + 1) * width)));
}
