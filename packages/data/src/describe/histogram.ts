/** @file Counts of sizes in bins that double, so that one chart holds a word and a book. */

/** Bin k holds sizes from `edges[k]` up to, not including, `edges[k + 1]`. */
export interface Histogram {
  /** 0, `first`, 2 `first`, 4 `first`, ... [bins + 1] */
  edges: number[];
  /** [bins] */
  counts: number[];
}

/** Counts whole numbers of at least 0 in bins that double from `first` on, up to the largest of them. */
export function histogram(sizes: number[], first = 16): Histogram {
  const binOf = (size: number) => (size < first ? 0 : Math.floor(Math.log2(size / first)) + 1);
  const bins = sizes.reduce((most, size) => Math.max(most, binOf(size) + 1), 1);
  const counts = new Array<number>(bins).fill(0);
  for (const size of sizes) counts[binOf(size)]++;
  return { edges: Array.from({ length: bins + 1 }, (_, k) => (k === 0 ? 0 : first * 2 ** (k - 1))), counts };
}
