/**
 * @file Sequences that begin alike share the work on what they begin with: a causal model gives equal tokens after equal tokens the same
 * hidden states, so one is computed for all. Both orders of a battle share their prompt.
 */
import type { FlatBatch } from './batch.js';

/** The tokens of a batch that are computed, each for one or more tokens of the batch. */
export interface SharedTokens {
  /** [U] */
  ids: Int32Array;
  /** Position of each in its sequences. [U] */
  positions: Int32Array;
  /** For each token of the batch, the computed one that stands for it. [T] */
  source: Int32Array;
  /** For each computed token, the first token of the batch that it stands for; ascending. [U] */
  first: Int32Array;
}

/** Fewest tokens that are shared: below it, gathering keys and values costs more than it saves. */
const LEAST = 32;

/**
 * Finds what each sequence has in common with the one before it.
 * @returns null when nothing is shared.
 */
export function sharePrefixes({ ids, offsets }: FlatBatch, least = LEAST): SharedTokens | null {
  const source = new Int32Array(ids.length);
  const first: number[] = [];
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [begin, end] = [offsets[i], offsets[i + 1]];
    let common = 0;
    if (i > 0) {
      const before = offsets[i - 1];
      const longest = Math.min(end - begin, begin - before);
      while (common < longest && ids[before + common] === ids[begin + common]) common++;
      if (common < least) common = 0;
      source.set(source.subarray(before, before + common), begin);
    }
    for (let t = begin + common; t < end; t++) source[t] = first.push(t) - 1;
  }
  if (first.length === ids.length) return null;
  const starts = startOf(offsets, ids.length);
  return {
    ids: Int32Array.from(first, (t) => ids[t]),
    positions: Int32Array.from(first, (t) => t - starts[t]),
    source,
    first: Int32Array.from(first),
  };
}

/** Where the sequence of each token starts. [T] */
function startOf(offsets: Int32Array, tokens: number): Int32Array {
  const starts = new Int32Array(tokens);
  for (let i = 0; i + 1 < offsets.length; i++) starts.fill(offsets[i], offsets[i], offsets[i + 1]);
  return starts;
}
