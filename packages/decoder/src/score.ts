/** @file Class probabilities or rewards of many sequences: batched by length, given back in their order. */

import { dispose, softmax, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import { DecoderError } from './error.js';
import type { Classifier } from './model.js';
import { forward } from './pass.js';
import { pause } from './pause.js';

/**
 * How sequences share forward passes. `onProgress` counts sequences after each pass; `signal` is heard between layers.
 */
export interface ScoreOptions {
  /** Tokens that a forward pass takes; a longer sequence is one of its own (default 4,096). */
  tokensPerBatch?: number;
  /**
   * Sequences that stay side by side, counted from the first: 2 for both orders of each battle, which share the work on the prompt
   * that they begin with (default 1).
   */
  together?: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * softmax of the logits of each sequence of token ids: [sequences][numLabels]. Sequences of like length share a pass.
 * @throws DecoderError when there is no whole number of groups of `together`; the signal's reason when aborted.
 */
export function scoreSequences(
  model: Classifier,
  sequences: readonly Int32Array[],
  options: ScoreOptions = {},
): Promise<Float32Array[]> {
  return overSequences(model, sequences, softmax, options);
}

/** The logits themselves, such as the rewards of a head of one label. Otherwise like {@link scoreSequences}. */
export function logitsOfSequences(
  model: Classifier,
  sequences: readonly Int32Array[],
  options: ScoreOptions = {},
): Promise<Float32Array[]> {
  return overSequences(model, sequences, (logits) => logits.clone(), options);
}

async function overSequences(
  model: Classifier,
  sequences: readonly Int32Array[],
  read: (logits: Tensor2D) => Tensor2D,
  { tokensPerBatch = 4096, together = 1, onProgress, signal }: ScoreOptions,
): Promise<Float32Array[]> {
  if (!Number.isInteger(together) || together < 1 || sequences.length % together) {
    throw new DecoderError('argument', `${sequences.length} sequences cannot be taken ${together} at a time`);
  }
  const units = Array.from({ length: sequences.length / together }, (_, unit) => {
    const members = Array.from({ length: together }, (_, k) => unit * together + k);
    return { members, tokens: members.reduce((sum, i) => sum + sequences[i].length, 0) };
  }).sort((a, b) => a.tokens - b.tokens || a.members[0] - b.members[0]);
  const scores = new Array<Float32Array>(sequences.length);
  let done = 0;
  for (const group of groupByTokens(units, tokensPerBatch)) {
    signal?.throwIfAborted();
    const rows = await scoreBatch(
      model,
      group.map((i) => sequences[i]),
      read,
      signal,
    );
    group.forEach((i, row) => {
      scores[i] = rows[row];
    });
    done += group.length;
    onProgress?.(done, sequences.length);
    await pause(signal);
  }
  return scores;
}

function groupByTokens(units: { members: number[]; tokens: number }[], limit: number): number[][] {
  const groups: number[][] = [];
  let held = Number.POSITIVE_INFINITY;
  for (const { members, tokens } of units) {
    if (held + tokens > limit) {
      groups.push([]);
      held = 0;
    }
    groups[groups.length - 1].push(...members);
    held += tokens;
  }
  return groups;
}

async function scoreBatch(
  model: Classifier,
  sequences: Int32Array[],
  read: (logits: Tensor2D) => Tensor2D,
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
  const tensors = [logits];
  try {
    const scores = tidy(() => read(logits));
    tensors.push(scores);
    const values = (await scores.data()) as Float32Array;
    const width = logits.shape[1];
    return sequences.map((_, i) => Float32Array.from(values.subarray(i * width, (i + 1) * width)));
  } finally {
    dispose(tensors);
  }
}
