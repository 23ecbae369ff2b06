/**
 * @file Finds texts that are almost the same: MinHash signatures (one permutation, empty bins filled from the next one)
 * meet in bands, and what meets is compared by the Jaccard similarity of its 5-letter pieces.
 */

import { mix } from '../hash.js';

const LOG2_BINS = 6;
const BINS = 2 ** LOG2_BINS;
const BAND = 4;
const BANDS = BINS / BAND;
const PIECE = 5;
/** Letters of a text that are compared: prompts with the same first 4,000 letters are the same question. */
const MAX_CHARS = 4000;
/** Most texts of a band's bucket that a new text is compared with. */
const MAX_COMPARED = 32;

/** Margin below the threshold, about three standard errors. Signatures that agree less are not compared in full. */
const MARGIN = 0.15;

/** Two texts and their similarity. */
export interface NearPair {
  a: number;
  b: number;
  /** Jaccard similarity of the sets of 5-letter pieces. */
  similarity: number;
}

/** How to search. */
export interface NearOptions {
  /** Least similarity of a pair. Default 0.8. */
  threshold?: number;
  /** Pairs (a before b) that it refuses are not compared. */
  wanted?: (a: number, b: number) => boolean;
}

/** Pairs of similar texts, exact copies included. The search is probabilistic and finds nearly all of them. */
export function nearDuplicates(
  texts: string[],
  { threshold = 0.8, wanted = () => true }: NearOptions = {},
): NearPair[] {
  const found: NearPair[] = [];
  const signatures = new Int32Array(texts.length * BINS);
  const buckets = openBuckets(texts.length);
  const own = new PieceSet();
  const counter = new PieceSet();
  const sizes = new Int32Array(texts.length); // distinct pieces; 0: not counted yet
  const { letters, lengths, place, placeAgain } = openLetters(texts);
  const hashes = new Int32Array(MAX_CHARS);
  const otherHashes = new Int32Array(MAX_CHARS);
  const met = new Int32Array(BANDS * MAX_COMPARED);
  for (let index = 0; index < texts.length; index++) {
    const start = place(index);
    const end = start + lengths[index];
    const count = hashPieces(letters, start, end, hashes);
    sign(hashes, count, signatures, index);
    const meetings = buckets.meet(signatures, index, met);
    const candidates: number[] = [];
    for (let i = 0; i < meetings; i++) {
      const other = met[i];
      if (wanted(other, index) && agree(signatures, other, index, threshold - MARGIN)) candidates.push(other);
    }
    if (candidates.length === 0) continue;
    sizes[index] = own.fill(hashes, count);
    candidates.sort((a, b) => a - b);
    for (const other of candidates) {
      const otherStart = placeAgain(other);
      const otherEnd = otherStart + lengths[other];
      if (sizes[other] === 0)
        sizes[other] = counter.fill(otherHashes, hashPieces(letters, otherStart, otherEnd, otherHashes));
      const [from, to] = difference(letters, start, end, otherStart, otherEnd);
      const between = from < to ? hashPieces(letters, from, to, otherHashes) : 0;
      const both = sizes[other] - counter.fill(otherHashes, own.takeOut(otherHashes, between));
      const similarity = both / (sizes[index] + sizes[other] - both);
      if (similarity >= threshold) found.push({ a: other, b: index, similarity });
    }
  }
  return found;
}

/** Most code units to keep, 2 bytes each. Later texts are read again for each comparison. */
const KEPT_CHARS = 2 ** 23;

/**
 * The first code units of texts in one array. `place` returns where a text begins; `placeAgain` does so for a text that
 * was placed before.
 */
function openLetters(texts: string[]) {
  const lengths = Int32Array.from(texts, ({ length }) => Math.min(length, MAX_CHARS));
  const kept = Math.min(
    KEPT_CHARS,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  const letters = new Uint16Array(kept + 2 * MAX_CHARS); // the end has room for two texts that are not kept
  const starts = new Int32Array(texts.length);
  let used = 0;

  function place(index: number): number {
    const fits = used + lengths[index] <= kept;
    starts[index] = fits ? used : kept;
    if (fits) used += lengths[index];
    readLetters(texts[index], letters, starts[index], lengths[index]);
    return starts[index];
  }

  function placeAgain(index: number): number {
    if (starts[index] < kept) return starts[index];
    readLetters(texts[index], letters, kept + MAX_CHARS, lengths[index]);
    return kept + MAX_CHARS;
  }
  return { letters, lengths, place, placeAgain };
}

const encoder = new TextEncoder();
const bytes = new Uint8Array(MAX_CHARS);

/** Puts the first `length` code units of a text at `at`. */
function readLetters(text: string, letters: Uint16Array, at: number, length: number): void {
  // Reading code units one by one costs several times more than encoding; in ASCII both are the same.
  const { read, written } = encoder.encodeInto(text, bytes);
  if (read === length && written === length) for (let i = 0; i < length; i++) letters[at + i] = bytes[i];
  else for (let i = 0; i < length; i++) letters[at + i] = text.charCodeAt(i);
}

/**
 * The range of the second text with all pieces that the first may lack: skips the common prefix and suffix. Texts are
 * ranges of `letters`.
 */
function difference(letters: Uint16Array, aStart: number, aEnd: number, bStart: number, bEnd: number) {
  const shorter = Math.min(aEnd - aStart, bEnd - bStart);
  if (shorter < PIECE) return [bStart, bEnd];
  let head = 0;
  while (head < shorter && letters[aStart + head] === letters[bStart + head]) head++;
  let tail = 0;
  while (tail < shorter && letters[aEnd - 1 - tail] === letters[bEnd - 1 - tail]) tail++;
  const from = Math.max(bStart, bStart + head - PIECE + 1);
  const to = Math.min(bEnd, bEnd - tail + PIECE - 1);
  return [from, to - from < PIECE ? from : to];
}

const PIECE_BASE = 0x9e3779b1;
/** PIECE_BASE ** PIECE modulo 2^32: removes the letter that leaves the window from the rolling hash. */
const LEAVING = Array.from({ length: PIECE }, () => PIECE_BASE).reduce((product, base) => Math.imul(product, base), 1);

/**
 * Hashes of all 5-letter pieces of letters[start, end), in order, with repeats; fewer letters are one piece.
 * @returns their number.
 */
function hashPieces(letters: Uint16Array, start: number, end: number, hashes: Int32Array): number {
  let rolling = 0;
  const first = Math.min(end, start + PIECE);
  for (let i = start; i < first; i++) rolling = (Math.imul(rolling, PIECE_BASE) + letters[i] + 1) | 0;
  hashes[0] = mix(rolling);
  let count = 1;
  for (let i = first; i < end; i++) {
    const left = Math.imul(letters[i - PIECE] + 1, LEAVING);
    rolling = (Math.imul(rolling, PIECE_BASE) + letters[i] + 1 - left) | 0;
    hashes[count++] = mix(rolling);
  }
  return count;
}

/** Above every hash of a bin. */
const EMPTY = 2 ** (32 - LOG2_BINS);

/** Fills the least hash of each bin; an empty bin borrows from the next one that has any. */
function sign(hashes: Int32Array, count: number, signatures: Int32Array, index: number): void {
  const base = index * BINS;
  signatures.fill(EMPTY, base, base + BINS);
  for (let i = 0; i < count; i++) {
    const bin = base + (hashes[i] & (BINS - 1));
    // The lesser of the two without a branch: a branch would be unpredictable.
    const less = (hashes[i] >>> LOG2_BINS) - signatures[bin];
    signatures[bin] += less & (less >> 31);
  }
  // From the last bin down, twice round: the value of the next filled bin, and its distance.
  let from = EMPTY;
  let distance = 0;
  for (let i = 2 * BINS - 1; i >= 0; i--) {
    const bin = base + (i & (BINS - 1));
    const value = signatures[bin];
    if (value >= 0 && value < EMPTY) {
      from = value;
      distance = 0;
    } else if (from !== EMPTY) {
      // The distance tells borrowed values apart.
      distance++;
      if (i < BINS) signatures[bin] = from + distance * 2 ** 27;
    }
  }
}

/** Texts of a block, after the number of the next block. */
const IN_BLOCK = 7;
const BLOCK = IN_BLOCK + 1;

/**
 * Texts by the hash of each band of their signature. Most buckets hold one text: the slot has its number. Larger
 * buckets are linked blocks, so there is no object per bucket and little random access.
 */
function openBuckets(texts: number) {
  let slots = 16;
  while (slots < texts) slots *= 2;
  const heads = new Int32Array(BANDS * slots).fill(-1); // -1: empty, -2 - text: one text, else the newest block
  const sizes = new Uint8Array(BANDS * slots); // of buckets with blocks
  const last = new Int32Array(texts).fill(-1); // the last text that each was met by
  const ownSlots = new Int32Array(BANDS);
  const ownHeads = new Int32Array(BANDS);
  let blocks = new Int32Array(BLOCK * 1024);
  let used = 0;

  /**
   * Adds a text to the newest block of a bucket of `size` texts, or to a new block in front.
   * @returns the newest block.
   */
  function put(text: number, head: number, size: number): number {
    if (size % IN_BLOCK !== 0) {
      blocks[head * BLOCK + 1 + (size % IN_BLOCK)] = text;
      return head;
    }
    if ((used + 1) * BLOCK > blocks.length) {
      const grown = new Int32Array(2 * blocks.length);
      grown.set(blocks);
      blocks = grown;
    }
    blocks[used * BLOCK] = head;
    blocks[used * BLOCK + 1] = text;
    return used++;
  }

  /**
   * Collects the texts that share a bucket with a new one into `met`, each once, and adds the new one.
   * @returns their number.
   */
  function meet(signatures: Int32Array, index: number, met: Int32Array): number {
    let count = 0;
    const tell = (text: number) => {
      if (last[text] === index) return;
      last[text] = index;
      met[count++] = text;
    };
    // Reads all slots first, so that the memory accesses overlap.
    for (let band = 0; band < BANDS; band++) {
      const base = index * BINS + band * BAND;
      let hash = band;
      for (let k = 0; k < BAND; k++) hash = Math.imul(hash ^ signatures[base + k], 0x9e3779b1) ^ (hash >>> 15);
      // Two bands in one slot only cost extra comparisons.
      ownSlots[band] = band * slots + (mix(hash) & (slots - 1));
      ownHeads[band] = heads[ownSlots[band]];
    }
    for (let band = 0; band < BANDS; band++) {
      const slot = ownSlots[band];
      const head = ownHeads[band];
      if (head === -1) {
        heads[slot] = -2 - index;
        continue;
      }
      if (head < 0) {
        const text = -2 - head;
        tell(text);
        heads[slot] = put(index, put(text, -1, 0), 1);
        sizes[slot] = 2;
        continue;
      }
      const size = sizes[slot];
      let inBlock = ((size - 1) % IN_BLOCK) + 1;
      for (let block = head; block >= 0; block = blocks[block * BLOCK]) {
        for (let i = 1; i <= inBlock; i++) tell(blocks[block * BLOCK + i]);
        inBlock = IN_BLOCK;
      }
      if (size === MAX_COMPARED) continue;
      heads[slot] = put(index, head, size);
      sizes[slot]++;
    }
    return count;
  }
  return { meet };
}

/** Whether the share of equal bins is at least `share`. The share estimates the similarity. */
function agree(signatures: Int32Array, a: number, b: number, share: number): boolean {
  let differing = Math.floor((1 - share) * BINS);
  for (let bin = 0; bin < BINS && differing >= 0; bin++) {
    if (signatures[a * BINS + bin] !== signatures[b * BINS + bin]) differing--;
  }
  return differing >= 0;
}

/** A power of two, at least twice MAX_CHARS. */
const SLOTS = 2 ** 13;

/** A set of piece hashes, open addressed and reused for every text. */
class PieceSet {
  private readonly values = new Int32Array(SLOTS);
  /** Round that filled a slot. Slots of older rounds count as free. */
  private readonly filled = new Int32Array(SLOTS);
  private round = 0;
  /** Few values use few slots, which stay in the first-level cache. */
  private mask = 0;

  /** Replaces the values. @returns the number of distinct ones. */
  fill(hashes: Int32Array, count: number): number {
    this.round++;
    this.mask = 2 ** (33 - Math.clz32(count)) - 1;
    let size = 0;
    for (let i = 0; i < count; i++) {
      const slot = this.find(hashes[i]);
      if (this.filled[slot] === this.round) continue;
      this.filled[slot] = this.round;
      this.values[slot] = hashes[i];
      size++;
    }
    return size;
  }

  /** Moves the values outside the set to the front. @returns their number. */
  takeOut(hashes: Int32Array, count: number): number {
    let left = 0;
    for (let i = 0; i < count; i++) {
      if (this.filled[this.find(hashes[i])] !== this.round) hashes[left++] = hashes[i];
    }
    return left;
  }

  private find(value: number): number {
    let slot = value & this.mask;
    while (this.filled[slot] === this.round && this.values[slot] !== value) slot = (slot + 1) & this.mask;
    return slot;
  }
}
