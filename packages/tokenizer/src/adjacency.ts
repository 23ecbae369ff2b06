/**
 * @file Which characters ever stand side by side within a token.
 *
 * Where they never do, no merge can cross, so a text may be cut there and the parts encoded (and cached) on their own
 * with the same result. For Gemma this finds every word start ("▁" follows no other character in any token), most
 * punctuation and most pairs of Chinese characters. The set is a hashed bitmap: a collision only loses a cut.
 */

/** A bitmap over hashed pairs of UTF-16 code units, or null when no cut is safe. */
export type Adjacency = Uint32Array | null;

const LOG2_BITS = 24;

/** Bit index of a pair of code units. */
export function pairBit(left: number, right: number): number {
  return (Math.imul(left, 0x9e3779b1) + Math.imul(right, 0x85ebca77)) >>> (32 - LOG2_BITS);
}

/**
 * Collects the pairs of neighbours in all tokens.
 *
 * @param tokens the whole vocabulary: a token that no merge makes only loses cuts
 * @param bytesMerge whether some merge has a byte token in it: then a token's text does not tell what it is made of
 */
export function buildAdjacency(tokens: (string | undefined)[], bytesMerge: boolean): Adjacency {
  if (bytesMerge) return null;
  const bits = new Uint32Array(2 ** (LOG2_BITS - 5));
  for (const token of tokens) {
    if (token === undefined) continue;
    for (let i = 1; i < token.length; i++) {
      const bit = pairBit(token.charCodeAt(i - 1), token.charCodeAt(i));
      bits[bit >>> 5] |= 1 << (bit & 31);
    }
  }
  return bits;
}
