/** @file The merges as one open-addressed table over an Int32Array: pair of ids to rank and product. */

import { TokenizerError } from './error.js';
import { badMerge, type MergeList } from './merge-list.js';
import { findToken } from './token-index.js';
import type { Vocabulary } from './vocabulary.js';

/** `slots` holds rows [left, right, rank, product]; left is -1 in a free one. */
export interface MergeTable {
  slots: Int32Array;
  /** Number of rows less one; a power of two less one. */
  mask: number;
  /** Whether some merge has a byte token in it. */
  mergesBytes: boolean;
}

/** A heap key is rank * 2^32 + position, exact in a double for ranks below this. */
export const MAX_MERGES = 2 ** 21;

/**
 * Builds the table; a repeated pair takes its last rank, as in Hugging Face's library.
 *
 * @throws TokenizerError for a merge that is no pair or names a token outside the vocabulary.
 */
export function buildMergeTable(merges: MergeList, { index, byteIds }: Vocabulary): MergeTable {
  if (merges.length >= MAX_MERGES) {
    throw new TokenizerError(
      'vocabulary',
      `tokenizer.json: ${merges.length} merges; at most ${MAX_MERGES - 1} are supported`,
    );
  }
  const table = createMergeTable(merges.length);
  const isByte = new Uint8Array(index.tokens.length);
  for (const id of byteIds) if (id >= 0) isByte[id] = 1;
  merges.forEach((text, start, gap, end, rank) => {
    const left = findToken(index, text, start, gap);
    const right = findToken(index, text, gap + 1, end);
    const product = findToken(index, text, start, end, gap);
    if (left < 0 || right < 0 || product < 0) {
      throw badMerge(JSON.stringify(text.slice(start, end)), rank, 'it names a token outside the vocabulary');
    }
    if (isByte[left] | isByte[right] | isByte[product]) table.mergesBytes = true;
    addMerge(table, left, right, rank, product);
  });
  return table;
}

/** A table with room for `count` merges. */
export function createMergeTable(count: number): MergeTable {
  let rows = 16;
  while (rows < count * 1.6) rows *= 2;
  return { slots: new Int32Array(rows * 4).fill(-1), mask: rows - 1, mergesBytes: false };
}

/** Enters a merge; that of a known pair is replaced. */
export function addMerge(table: MergeTable, left: number, right: number, rank: number, product: number): void {
  const { slots } = table;
  const slot = findSlot(table, left, right);
  slots[slot] = left;
  slots[slot + 1] = right;
  slots[slot + 2] = rank;
  slots[slot + 3] = product;
}

/** Index of the row of a pair, or of the free row where it would go: rank at +2, product at +3 (both -1 when free). */
export function findSlot({ slots, mask }: MergeTable, left: number, right: number): number {
  let row = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 0;
  row = (row ^ (row >>> 15)) & mask;
  for (;;) {
    const slot = row << 2;
    const holder = slots[slot];
    if (holder === -1 || (holder === left && slots[slot + 1] === right)) return slot;
    row = (row + 1) & mask;
  }
}
