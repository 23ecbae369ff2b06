/** @file The merges as one open-addressed table over an Int32Array: pair of ids to rank and product. */

import { TokenizerError } from './error.js';
import { findToken, type TokenIndex } from './token-index.js';

/** `slots` holds rows [left, right, rank, product]; left is -1 in a free one. */
export interface MergeTable {
  slots: Int32Array;
  /** Number of rows less one; a power of two less one. */
  mask: number;
  count: number;
}

/** A heap key is rank * 2^32 + position, exact in a double up to this many merges. */
const MAX_MERGES = 2 ** 21;

/**
 * Builds the table from the file's merges; a repeated pair takes its last rank, as in Hugging Face's library.
 *
 * @throws TokenizerError for a merge that is no pair or names a token outside the vocabulary.
 */
export function buildMergeTable(merges: (string | [string, string])[], index: TokenIndex): MergeTable {
  if (merges.length >= MAX_MERGES)
    throw new TokenizerError(`tokenizer.json: ${merges.length} merges; at most ${MAX_MERGES - 1} are supported`);
  let rows = 16;
  while (rows < merges.length * 1.6) rows *= 2;
  const table: MergeTable = { slots: new Int32Array(rows * 4).fill(-1), mask: rows - 1, count: merges.length };
  for (let rank = 0; rank < merges.length; rank++) {
    const merge = merges[rank];
    // Both forms as one text with one code unit, at `gap`, between the parts. In a pair, the parts may hold spaces.
    const text = typeof merge === 'string' ? merge : isPair(merge) ? `${merge[0]} ${merge[1]}` : '';
    const gap = typeof merge === 'string' ? merge.indexOf(' ') : text === '' ? -1 : merge[0].length;
    if (gap < 0 || (typeof merge === 'string' && merge.indexOf(' ', gap + 1) >= 0)) {
      throw badMerge(merge, rank, 'it is no pair');
    }
    const left = findToken(index, text, 0, gap);
    const right = findToken(index, text, gap + 1);
    const product = findToken(index, text, 0, text.length, gap);
    if (left < 0 || right < 0 || product < 0) throw badMerge(merge, rank, 'it names a token outside the vocabulary');
    const slot = findSlot(table, left, right);
    table.slots[slot] = left;
    table.slots[slot + 1] = right;
    table.slots[slot + 2] = rank;
    table.slots[slot + 3] = product;
  }
  return table;
}

/** Index of the row of a pair, or of the free row where it would go; read rank at +2 and product at +3 (both -1 when free). */
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

function isPair(merge: unknown): merge is [string, string] {
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
}

function badMerge(merge: unknown, rank: number, why: string): TokenizerError {
  return new TokenizerError(
    `tokenizer.json: merge ${rank}, ${JSON.stringify(merge)?.slice(0, 80)}, cannot be used: ${why}`,
  );
}
