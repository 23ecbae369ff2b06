/** @file Batches without padding, in a seeded order that can be saved and resumed. */

import { DataError } from '../error.js';
import type { Packed } from './pack.js';
import { randperm } from './random.js';

/** Rows joined into one array of tokens. */
export interface Batch {
  /** [tokens] */
  ids: Int32Array;
  /**
   * [n + 1] Row i is ids[offsets[i], offsets[i + 1]). [2n + 1] when each answer is a sequence of its own (`second`):
   * row i has the sequences 2i and 2i + 1.
   */
  offsets: Int32Array;
  /** [n] 0 for a, 1 for b, 2 for a tie, -1 without a label. */
  labels: Int32Array;
  /** [n] Indices into the list that was batched. */
  rows: Int32Array;
  /** [n] Present when a row has a weight; 1 for those that have none. */
  weights?: Float32Array;
  /** [n] Present when a row has a soft label; null for those that have none. */
  softLabels?: (number[] | null)[];
}

/** How to batch. */
export interface BatchOptions {
  /** Rows a batch at most. Default 8, or no limit when tokensPerBatch is given. */
  batchSize?: number;
  /** Tokens a batch at most; a longer row is a batch of its own. */
  tokensPerBatch?: number;
  /**
   * 'bucketed': rows of similar length together, the longest batch first, the others shuffled (default). 'hf': Hugging
   * Face Trainer's order, torch.randperm seeded with seed + epoch. 'sequential': as given.
   */
  order?: 'bucketed' | 'hf' | 'sequential';
  seed?: number;
  epoch?: number;
  /** State of an earlier run: skips its batches. */
  resume?: BatchState;
}

/** Position within the batches; plain JSON. */
export interface BatchState {
  order: 'bucketed' | 'hf' | 'sequential';
  seed: number;
  epoch: number;
  batchSize: number | null;
  tokensPerBatch: number | null;
  rows: number;
  /** Batches yielded so far. */
  done: number;
}

/** The batches of one epoch, in order; iterate over it. */
export interface Batches extends Iterable<Batch> {
  /** Rows of every batch of the epoch, including finished ones. */
  plan: number[][];
  /** Call it any time, also between two batches. */
  state(): BatchState;
}

/** Batches in a mega-batch that is sorted by length, as in Hugging Face's group_by_length. */
const BUCKET_BATCHES = 50;

/**
 * Plans the batches of an epoch and yields them one by one, including the last, smaller one.
 *
 * @throws DataError for a size that is not positive, or a state of other data or settings
 * @example
 * for (const { ids, offsets, labels } of batches(packed, { tokensPerBatch: 8192, epoch: 0 })) step(ids, offsets, labels);
 */
export function batches(
  packed: Packed[],
  { batchSize, tokensPerBatch, order = 'bucketed', seed = 42, epoch = 0, resume }: BatchOptions = {},
): Batches {
  for (const [name, value] of Object.entries({ batchSize, tokensPerBatch })) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0))
      throw new DataError('argument', `${name} ${value} is not a positive whole number`);
  }
  const maxRows = batchSize ?? (tokensPerBatch === undefined ? 8 : Number.POSITIVE_INFINITY);
  const maxTokens = tokensPerBatch ?? Number.POSITIVE_INFINITY;
  const settings = {
    order,
    seed,
    epoch,
    batchSize: batchSize ?? null,
    tokensPerBatch: tokensPerBatch ?? null,
    rows: packed.length,
  };
  let done = 0;
  if (resume) {
    for (const key of Object.keys(settings) as (keyof typeof settings)[]) {
      if (resume[key] !== settings[key])
        throw new DataError(
          'saved',
          `the saved state has ${key} ${resume[key]}, the run has ${settings[key]}; it cannot be resumed`,
        );
    }
    done = resume.done;
  }
  const lengths = packed.map(({ ids }) => ids.length);
  const plan = makePlan(lengths, order, seed + epoch, maxRows, maxTokens);
  return {
    plan,
    state: () => ({ ...settings, done }),
    *[Symbol.iterator]() {
      while (done < plan.length) {
        const batch = toBatch(packed, plan[done]);
        done++;
        yield batch;
      }
    },
  };
}

/** Joins rows into a batch. */
export function toBatch(packed: Packed[], rows: number[]): Batch {
  const offsets = [0];
  for (const row of rows) {
    const { ids, second } = packed[row];
    const begin = offsets[offsets.length - 1];
    if (second !== undefined) offsets.push(begin + second);
    offsets.push(begin + ids.length);
  }
  const ids = new Int32Array(offsets[offsets.length - 1]);
  let at = 0;
  for (const row of rows) {
    ids.set(packed[row].ids, at);
    at += packed[row].ids.length;
  }
  const batch: Batch = {
    ids,
    offsets: Int32Array.from(offsets),
    labels: Int32Array.from(rows, (row) => packed[row].label),
    rows: Int32Array.from(rows),
  };
  if (rows.some((row) => packed[row].weight !== undefined))
    batch.weights = Float32Array.from(rows, (row) => packed[row].weight ?? 1);
  if (rows.some((row) => packed[row].softLabel)) batch.softLabels = rows.map((row) => packed[row].softLabel ?? null);
  return batch;
}

function makePlan(
  lengths: number[],
  order: BatchState['order'],
  seed: number,
  maxRows: number,
  maxTokens: number,
): number[][] {
  const n = lengths.length;
  if (order === 'sequential') return cut([...lengths.keys()], lengths, maxRows, maxTokens);
  const shuffled = [...randperm(n, seed)];
  if (order === 'hf') return cut(shuffled, lengths, maxRows, maxTokens);
  const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, n);
  const rows = Math.min(maxRows, Math.max(1, Math.floor(maxTokens / Math.max(1, mean))));
  const bucket = Math.max(rows, rows * Math.min(Math.floor(n / (rows * 4)), BUCKET_BATCHES));
  const plan: number[][] = [];
  for (let from = 0; from < n; from += bucket) {
    const part = shuffled.slice(from, from + bucket).sort((a, b) => lengths[b] - lengths[a]);
    plan.push(...cut(part, lengths, maxRows, maxTokens));
  }
  const mixed = [...randperm(plan.length, seed + 1)].map((index) => plan[index]);
  // The largest batch comes first, so that a run out of memory fails at once.
  const tokens = mixed.map((batch) => batch.reduce((sum, row) => sum + lengths[row], 0));
  const heaviest = tokens.indexOf(tokens.reduce((most, count) => Math.max(most, count), 0));
  return heaviest > 0 ? [mixed[heaviest], ...mixed.slice(0, heaviest), ...mixed.slice(heaviest + 1)] : mixed;
}

/** Cuts ordered rows into batches. */
function cut(order: number[], lengths: number[], maxRows: number, maxTokens: number): number[][] {
  const plan: number[][] = [];
  let batch: number[] = [];
  let tokens = 0;
  for (const row of order) {
    if (batch.length > 0 && (batch.length === maxRows || tokens + lengths[row] > maxTokens)) {
      plan.push(batch);
      batch = [];
      tokens = 0;
    }
    batch.push(row);
    tokens += lengths[row];
  }
  if (batch.length > 0) plan.push(batch);
  return plan;
}
