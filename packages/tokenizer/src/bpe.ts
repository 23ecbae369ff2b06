/** @file Encodes a normalised text without added tokens: cut where no merge can cross, look the word up, else merge. */

import type { IsText } from './added-tokens.js';
import { type Adjacency, pairBit } from './adjacency.js';
import { mergeSymbols } from './merge.js';
import type { MergeTable } from './merge-table.js';
import { findToken } from './token-index.js';
import type { Unfold } from './unfold.js';
import { putBytes, type Vocabulary } from './vocabulary.js';
import { WordCache } from './word-cache.js';

/** Longer words are rarely seen twice. */
const MAX_CACHED_UNITS = 48;

/** A growing list of token ids. */
export class IdBuffer {
  ids = new Int32Array(1024);
  length = 0;

  /** Makes room for `more` ids after `length`. */
  reserve(more: number): void {
    const need = this.length + more;
    if (need <= this.ids.length) return;
    const grown = new Int32Array(Math.max(need, 2 * this.ids.length));
    grown.set(this.ids.subarray(0, this.length));
    this.ids = grown;
  }

  push(id: number): void {
    this.reserve(1);
    this.ids[this.length++] = id;
  }
}

/** The model: vocabulary, merges, safe cuts and the words seen so far. */
export class Bpe {
  private readonly cache: WordCache | null;

  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly merges: MergeTable,
    private readonly adjacency: Adjacency,
    private readonly ignoreMerges = false,
    private readonly unfold: Unfold | null = null,
  ) {
    // Without safe cuts a "word" is a whole text: caching those would only cost.
    this.cache = adjacency ? new WordCache() : null;
  }

  /** Appends the ids of `text` (well formed) to `out`; a whole word is none of the tokens that `isText` names. */
  encode(text: string, out: IdBuffer, isText?: IsText): void {
    if (text === '') return;
    if (this.ignoreMerges) {
      const whole = findToken(this.vocabulary.index, text);
      if (whole >= 0 && !isText?.(whole)) {
        out.push(whole);
        return;
      }
    }
    const bits = this.adjacency;
    if (!bits) {
      this.merge(text, 0, text.length, out);
      return;
    }
    const length = text.length;
    let start = 0;
    let left = text.charCodeAt(0);
    let hash = left;
    for (let i = 1; i < length; i++) {
      const right = text.charCodeAt(i);
      const bit = pairBit(left, right);
      // The halves of a surrogate pair are one character, whether or not a token has it.
      if ((bits[bit >>> 5] & (1 << (bit & 31))) !== 0 || (right & 0xfc00) === 0xdc00) {
        hash = Math.imul(hash, 0x01000193) ^ right;
      } else {
        this.word(text, start, i, hash, out);
        start = i;
        hash = right;
      }
      left = right;
    }
    this.word(text, start, length, hash, out);
  }

  private word(text: string, start: number, end: number, hash: number, out: IdBuffer): void {
    const length = end - start;
    if (length > MAX_CACHED_UNITS) {
      this.merge(text, start, end, out);
      return;
    }
    out.reserve(3 * length);
    if (length === 1) {
      const id = this.vocabulary.charIds[text.charCodeAt(start)];
      if (id >= 0 && id < this.vocabulary.index.tokens.length) {
        out.ids[out.length++] = id;
        return;
      }
    }
    const known = this.cache!.get(text, start, end, hash, out.ids, out.length);
    if (known > 0) {
      out.length += known;
      return;
    }
    const from = out.length;
    this.merge(text, start, end, out);
    this.cache!.set(text, start, end, hash, out.ids, from, out.length - from);
  }

  /** One symbol a character, or one a UTF-8 byte where the vocabulary lacks it; then the merges. */
  private merge(text: string, start: number, end: number, out: IdBuffer): void {
    const { charIds, astralIds } = this.vocabulary;
    out.reserve(3 * (end - start)); // a code unit is at most 3 bytes of UTF-8
    const { ids } = out;
    let n = out.length;
    for (let i = start; i < end; i++) {
      const point = text.codePointAt(i)!;
      const id = point < 0x10000 ? charIds[point] : (astralIds.get(point) ?? -1);
      if (point > 0xffff) i++;
      if (id >= 0) ids[n++] = id;
      else n = putBytes(this.vocabulary, point, ids, n);
    }
    const count = mergeSymbols(this.merges, ids, out.length, n - out.length, this.unfold?.visit);
    out.length += this.unfold ? this.unfold.unfold(ids, out.length, count) : count;
  }
}
