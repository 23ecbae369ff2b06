/** @file The targets of a loss for the battles of a batch: votes, a teacher's probabilities, or a mixture of both. */

import { DataError } from '../error.js';
import type { Batch } from './batches.js';

/** The head's classes, and how votes and soft labels mix. */
export interface TargetOptions {
  /** 2: A, B; a tie is half of each. 3: A, B, tie. */
  classes: 2 | 3;
  /**
   * Share of a row's soft label in its target; the rest is its vote. A row with only one of them uses that one. Default
   * 0.
   */
  softShare?: number;
}

/**
 * Targets for a head of classes: a class number each [n] where all rows have one, else probabilities [n, classes], row
 * by row. Soft labels of two or three entries work for either head: with two classes a tie's probability is split
 * evenly.
 * @throws DataError naming the row of a battle without vote and soft label, or with a soft label that does not add up
 * to 1
 */
export function classTargets(batch: Batch, { classes, softShare = 0 }: TargetOptions): number[] {
  const rows = probabilities(batch, softShare, (three) => {
    const [a, b, tie] = three;
    return classes === 3 ? three : [a + tie / 2, b + tie / 2];
  });
  const hot = rows.map((row) => row.indexOf(1));
  return hot.every((label) => label >= 0) ? hot : rows.flat();
}

/**
 * Targets for Bradley-Terry: the probability that B wins, a tie counting half [n]. Otherwise like {@link classTargets}.
 */
export function pairTargets(batch: Batch, { softShare = 0 }: { softShare?: number } = {}): number[] {
  return probabilities(batch, softShare, ([, b, tie]) => b + tie / 2);
}

/** Targets from the three probabilities of each row, by `read`. */
function probabilities<T>({ labels, rows, softLabels }: Batch, softShare: number, read: (three: number[]) => T): T[] {
  return Array.from(labels, (label, i) => {
    const soft = softShare > 0 ? softLabels?.[i] : undefined;
    if (label < 0 && !soft)
      throw new DataError('row', 'has neither a vote nor a soft label to learn from', { row: rows[i] });
    if (!soft) return read([0, 1, 2].map((k) => Number(k === label)));
    const total = soft.reduce((sum, p) => sum + p, 0);
    if (Math.abs(total - 1) > 1e-3)
      throw new DataError('row', `its soft label adds up to ${total}, not 1`, { row: rows[i] });
    const share = label < 0 ? 1 : softShare;
    return read([0, 1, 2].map((k) => (share * (soft[k] ?? 0)) / total + (1 - share) * Number(k === label)));
  });
}
