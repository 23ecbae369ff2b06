/**
 * @file Symbols that take part in merges and are no token of the result, as in SentencePiece: an unused piece becomes its
 * two halves again, and a character without a piece of its own becomes bytes.
 */

import { putBytes, type Vocabulary } from './vocabulary.js';

/** What the model is to do while it merges a text, and after. */
export interface Unfold {
  /** To be told of the pairs of a text; null where no merge makes an unused piece. */
  visit: ((left: number, right: number, product: number) => void) | null;
  /** Unfolds `ids[at, at + count)` in place and returns the new count: at most three ids a code unit of the text. */
  unfold(ids: Int32Array, at: number, count: number): number;
}

/**
 * Makes the steps for a vocabulary; null where there is nothing to unfold.
 *
 * @param isUnused [tokens] 1 for an unused piece that merges make
 * @param characters code points of the characters without a piece; their symbols follow the last token
 */
export function createUnfold(vocabulary: Vocabulary, isUnused: Uint8Array, characters: number[]): Unfold | null {
  const first = vocabulary.index.tokens.length;
  const hasUnused = isUnused.includes(1);
  if (!hasUnused && characters.length === 0) return null;
  // SentencePiece keeps for an unused piece the pair that came last, wherever in the text it stands.
  const pairs = new Map<number, [number, number]>();

  return {
    visit: hasUnused
      ? (left, right, product) => {
          if (isUnused[product]) pairs.set(product, [left, right]);
        }
      : null,
    unfold(ids, at, count) {
      const folded = ids.slice(at, at + count);
      let n = at;
      const put = (id: number) => {
        const pair = pairs.get(id);
        if (pair) for (const half of pair) put(half);
        else if (id >= first) n = putBytes(vocabulary, characters[id - first], ids, n);
        else ids[n++] = id;
      };
      for (const id of folded) put(id);
      pairs.clear();
      return n - at;
    },
  };
}
