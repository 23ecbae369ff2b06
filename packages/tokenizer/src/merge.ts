/**
 * @file The BPE itself: merge the pair of lowest rank, leftmost first, until none is left.
 *
 * Two forms with one result. Short words: scan for the lowest rank, close the gap by moving what follows. Long ones: a
 * heap of pairs over a doubly linked list, O(n log n), so that 20,000 letters without a space take milliseconds.
 */

import { findSlot, type MergeTable } from './merge-table.js';

/** Above this many symbols the heap wins. */
const SCAN_LIMIT = 40;
const NO_RANK = 0x7fffffff;

const ranks = new Int32Array(SCAN_LIMIT + 1);
const products = new Int32Array(SCAN_LIMIT + 1);

/** Told of each pair that comes to stand side by side and could be merged. */
type VisitPair = (left: number, right: number, product: number) => void;

/** Merges `symbols[at, at + count)` in place and returns how many are left. */
export function mergeSymbols(
  table: MergeTable,
  symbols: Int32Array,
  at: number,
  count: number,
  visit: VisitPair | null = null,
): number {
  if (count < 2) return count;
  if (count <= SCAN_LIMIT && !visit) return mergeByScan(table, symbols, at, count);
  return mergeByHeap(table, symbols, at, count, visit);
}

function mergeByScan(table: MergeTable, symbols: Int32Array, at: number, count: number): number {
  const { slots } = table;
  for (let i = 0; i < count - 1; i++) setPair(table, symbols, at, i);
  for (;;) {
    let best = -1;
    let lowest = NO_RANK;
    for (let i = 0; i < count - 1; i++) {
      if (ranks[i] < lowest) {
        lowest = ranks[i];
        best = i;
      }
    }
    if (best < 0) return count;
    symbols[at + best] = products[best];
    count--;
    for (let i = best + 1; i < count; i++) {
      symbols[at + i] = symbols[at + i + 1];
      ranks[i] = ranks[i + 1];
      products[i] = products[i + 1];
    }
    if (best > 0) setPair(table, symbols, at, best - 1);
    if (best < count - 1) setPair(table, symbols, at, best);
  }

  function setPair(merges: MergeTable, ids: Int32Array, base: number, i: number): void {
    const slot = findSlot(merges, ids[base + i], ids[base + i + 1]);
    const rank = slots[slot + 2];
    ranks[i] = rank < 0 ? NO_RANK : rank;
    products[i] = slots[slot + 3];
  }
}

function mergeByHeap(
  table: MergeTable,
  symbols: Int32Array,
  at: number,
  count: number,
  visit: VisitPair | null,
): number {
  const { slots } = table;
  const ids = symbols.subarray(at, at + count);
  // next[i] and previous[i] link the symbols that are left; a symbol that was merged away has id -1.
  const next = new Int32Array(count);
  const previous = new Int32Array(count);
  // Every merge takes one symbol and one key and adds at most two keys: 2n is enough.
  const heap = new Float64Array(2 * count);
  let size = 0;
  for (let i = 0; i < count; i++) {
    next[i] = i + 1 < count ? i + 1 : -1;
    previous[i] = i - 1;
  }
  for (let i = 0; i < count - 1; i++) {
    const slot = findSlot(table, ids[i], ids[i + 1]);
    const rank = slots[slot + 2];
    if (rank < 0) continue;
    heap[size++] = rank * 2 ** 32 + i;
    visit?.(ids[i], ids[i + 1], slots[slot + 3]);
  }
  for (let i = (size >> 1) - 1; i >= 0; i--) siftDown(heap, size, i);

  while (size > 0) {
    const key = heap[0];
    heap[0] = heap[--size];
    siftDown(heap, size, 0);
    const left = key % 2 ** 32;
    const right = next[left];
    if (ids[left] < 0 || right < 0) continue;
    const slot = findSlot(table, ids[left], ids[right]);
    // The pair that the key was made for may be gone: its place then holds another rank.
    if (slots[slot + 2] !== (key - left) / 2 ** 32) continue;
    ids[left] = slots[slot + 3];
    ids[right] = -1;
    const after = next[right];
    next[left] = after;
    if (after >= 0) previous[after] = left;
    const before = previous[left];
    if (before >= 0) add(before, left);
    if (after >= 0) add(left, after);
  }

  let kept = 0;
  for (let i = 0; i < count; i++) if (ids[i] >= 0) ids[kept++] = ids[i];
  return kept;

  function add(left: number, right: number): void {
    const slot = findSlot(table, ids[left], ids[right]);
    size = push(heap, size, slots[slot + 2], left);
    if (visit && slots[slot + 2] >= 0) visit(ids[left], ids[right], slots[slot + 3]);
  }
}

function push(heap: Float64Array, size: number, rank: number, position: number): number {
  if (rank < 0) return size;
  const key = rank * 2 ** 32 + position;
  let i = size;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent] <= key) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = key;
  return size + 1;
}

function siftDown(heap: Float64Array, size: number, from: number): void {
  const key = heap[from];
  let i = from;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= key) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = key;
}
