/** @file Divides a number of tokens over fields, and cuts a field to its share. */

/** Where a field loses tokens: the middle, the end, the start; or the longest field at its end. */
export const TRUNCATIONS = ['head+tail', 'head', 'tail', 'longest-first'] as const;

/** One of {@link TRUNCATIONS}: 'head' keeps the head, and so on. */
export type Truncation = (typeof TRUNCATIONS)[number];

/**
 * Divides `total` tokens by `shares`. Tokens that one field does not need go to the others. Each field gets at least
 * min(length, `least`).
 *
 * @returns budgets, each at most the field's length, that sum to min(total, all lengths); `total` must allow the minima
 */
export function shareOut(lengths: number[], total: number, shares: number[], least: number): number[] {
  const budgets = lengths.map((length) => Math.min(length, least));
  let left = total - budgets.reduce((sum, n) => sum + n, 0);
  let open = lengths.map((_, i) => i).filter((i) => budgets[i] < lengths[i]);
  while (left > 0 && open.length > 0) {
    const weight = open.reduce((sum, i) => sum + shares[i], 0);
    const offers = open.map((i) => Math.floor(weight > 0 ? (left * shares[i]) / weight : left / open.length));
    const sated = open.filter((i, k) => lengths[i] - budgets[i] <= offers[k]);
    if (sated.length > 0) {
      // Fields that need less than their share take what they need; the rest is divided again.
      for (const i of sated) {
        left -= lengths[i] - budgets[i];
        budgets[i] = lengths[i];
      }
      open = open.filter((i) => !sated.includes(i));
      continue;
    }
    open.forEach((i, k) => {
      budgets[i] += offers[k];
      left -= offers[k];
    });
    // The remainder of rounding goes out one by one, last field first: answers before the prompt.
    for (let k = open.length - 1; left > 0; k = (k + open.length - 1) % open.length) {
      const i = open[k];
      if (budgets[i] < lengths[i]) {
        budgets[i]++;
        left--;
      } else if (open.every((j) => budgets[j] === lengths[j])) break;
    }
    break;
  }
  return budgets;
}

/**
 * Divides `total` so that only the longest fields are cut, to one level. Same result as `shareOut` with equal shares.
 */
export function levelOut(lengths: number[], total: number): number[] {
  return shareOut(
    lengths,
    total,
    lengths.map(() => 1),
    0,
  );
}

/** Tokens kept of a field: the parts before and after the marker. */
export interface Kept {
  head: number;
  tail: number;
}

/**
 * How many tokens of a field stay at its head and its tail within `budget`, marker included.
 *
 * @param inside whether token i is a later byte of the character that token i - 1 began: no cut goes before it
 */
export function cutField(
  length: number,
  budget: number,
  marker: number,
  mode: Truncation,
  inside: (index: number) => boolean,
): Kept {
  if (length <= budget) return { head: length, tail: 0 };
  const room = Math.max(0, budget - marker);
  let head = mode === 'head+tail' ? Math.ceil(room / 2) : mode === 'tail' ? 0 : room;
  let tail = room - head;
  while (head > 0 && inside(head)) head--;
  while (tail > 0 && inside(length - tail)) tail--;
  return { head, tail };
}
