/**
 * @file Finds texts that are almost the same: MinHash signatures (one permutation, empty bins filled from the next one)
 * meet in bands, and what meets is compared by the Jaccard similarity of its 5-letter pieces.
 */

import { mix } from './hash.js';

const LOG2_BINS = 6;
const BINS = 2 ** LOG2_BINS;
const BAND = 4;
const BANDS = BINS / BAND;
const PIECE = 5;
/** Only so much of a text is compared; prompts with the same first 4,000 letters are the same question. */
const MAX_CHARS = 4000;
/** Texts in a band's bucket that a new one is compared with. */
const MAX_COMPARED = 32;

/** Signatures that agree in so much less than the threshold are not compared in full: about three standard errors. */
const MARGIN = 0.15;

/** Two texts and how alike they are. */
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

/** Pairs of texts that are alike; exact copies too. Nearly all of them: the search is by chance. */
export function nearDuplicates(
  texts: string[],
  { threshold = 0.8, wanted = () => true }: NearOptions = {},
): NearPair[] {
  const found: NearPair[] = [];
  const signatures = new Uint32Array(texts.length * BINS);
  const buckets = openBuckets(texts.length);
  const own = new PieceSet();
  const counter = new PieceSet();
  const sizes = new Int32Array(texts.length); // distinct pieces; 0 is not counted yet
  const letters = new Uint16Array(MAX_CHARS);
  const otherLetters = new Uint16Array(MAX_CHARS);
  const hashes = new Uint32Array(MAX_CHARS);
  const otherHashes = new Uint32Array(MAX_CHARS);
  const met = new Int32Array(BANDS * MAX_COMPARED);
  for (let index = 0; index < texts.length; index++) {
    const length = readLetters(texts[index], letters);
    const count = hashPieces(letters, 0, length, hashes);
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
      const otherLength = readLetters(texts[other], otherLetters);
      if (sizes[other] === 0)
        sizes[other] = counter.fill(otherHashes, hashPieces(otherLetters, 0, otherLength, otherHashes));
      const [start, end] = difference(letters, length, otherLetters, otherLength);
      const between = start < end ? hashPieces(otherLetters, start, end, otherHashes) : 0;
      const both = sizes[other] - counter.fill(otherHashes, own.takeOut(otherHashes, between));
      const similarity = both / (sizes[index] + sizes[other] - both);
      if (similarity >= threshold) found.push({ a: other, b: index, similarity });
    }
  }
  return found;
}

const encoder = new TextEncoder();
const bytes = new Uint8Array(MAX_CHARS);

/** The first code units of a text; returns how many. */
function readLetters(text: string, letters: Uint16Array): number {
  const length = Math.min(text.length, MAX_CHARS);
  // Asking a string for each of its code units costs several times more than its bytes, which are the same in ASCII.
  const { read, written } = encoder.encodeInto(text, bytes);
  if (read === length && written === length) for (let i = 0; i < length; i++) letters[i] = bytes[i];
  else for (let i = 0; i < length; i++) letters[i] = text.charCodeAt(i);
  return length;
}

/** The stretch of `b` that has all its pieces that may not be in `a`: not those within what both begin or end with. */
function difference(a: Uint16Array, aLength: number, b: Uint16Array, bLength: number): [number, number] {
  const shorter = Math.min(aLength, bLength);
  if (shorter < PIECE) return [0, bLength];
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter && a[aLength - 1 - tail] === b[bLength - 1 - tail]) tail++;
  const start = Math.max(0, head - PIECE + 1);
  const end = Math.min(bLength, bLength - tail + PIECE - 1);
  return [start, end - start < PIECE ? start : end];
}

const PIECE_BASE = 0x9e3779b1;
/** PIECE_BASE ** PIECE modulo 2^32: takes the letter that leaves the window out of the rolling hash. */
let leaving = 1;
for (let k = 0; k < PIECE; k++) leaving = Math.imul(leaving, PIECE_BASE);

/** Hashes of all 5-letter pieces of letters[start, end), in order and repeated; fewer letters are one piece. Returns how many. */
function hashPieces(letters: Uint16Array, start: number, end: number, hashes: Uint32Array): number {
  let rolling = 0;
  const full = start + PIECE - 1;
  for (let i = start; i < end; i++) {
    rolling = (Math.imul(rolling, PIECE_BASE) + letters[i] + 1) | 0;
    if (i > full) rolling = (rolling - Math.imul(letters[i - PIECE] + 1, leaving)) | 0;
    if (i >= full) hashes[i - full] = mix(rolling);
  }
  if (end > full) return end - full;
  hashes[0] = mix(rolling);
  return 1;
}

const EMPTY = 0xffffffff;

/** Fills the least hash of each bin; an empty bin borrows from the next one that has any. */
function sign(hashes: Uint32Array, count: number, signatures: Uint32Array, index: number): void {
  const base = index * BINS;
  signatures.fill(EMPTY, base, base + BINS);
  for (let i = 0; i < count; i++) {
    const bin = base + (hashes[i] & (BINS - 1));
    const value = hashes[i] >>> LOG2_BINS;
    if (value < signatures[bin]) signatures[bin] = value;
  }
  // From the last bin down, twice round: what the next bin with a value holds, and how far away it is.
  let from = EMPTY;
  let distance = 0;
  for (let i = 2 * BINS - 1; i >= 0; i--) {
    const bin = base + (i & (BINS - 1));
    if (signatures[bin] < 2 ** 27) {
      from = signatures[bin];
      distance = 0;
    } else if (from !== EMPTY) {
      // Borrowed values are told apart by the distance they came from.
      distance++;
      if (i < BINS) signatures[bin] = (from + distance * 2 ** 27) >>> 0;
    }
  }
}

/** Texts by the hash of each band of their signature, as linked lists in typed arrays: no object a bucket. */
function openBuckets(texts: number) {
  let slots = 16;
  while (slots < texts) slots *= 2;
  const heads = new Int32Array(BANDS * slots).fill(-1);
  const sizes = new Uint8Array(BANDS * slots);
  const next = new Int32Array(BANDS * texts);
  const last = new Int32Array(texts).fill(-1); // whom each was met by last

  /** Puts the texts in the buckets of a new one into `met`, each once, and the new one into the buckets; returns how many. */
  function meet(signatures: Uint32Array, index: number, met: Int32Array): number {
    let count = 0;
    for (let band = 0; band < BANDS; band++) {
      const base = index * BINS + band * BAND;
      let hash = band;
      for (let k = 0; k < BAND; k++) hash = Math.imul(hash ^ signatures[base + k], 0x9e3779b1) ^ (hash >>> 15);
      // Two bands in one slot only make more to compare.
      const slot = band * slots + (mix(hash) & (slots - 1));
      for (let at = heads[slot]; at >= 0; at = next[at * BANDS + band]) {
        if (last[at] === index) continue;
        last[at] = index;
        met[count++] = at;
      }
      if (sizes[slot] === MAX_COMPARED) continue;
      sizes[slot]++;
      next[index * BANDS + band] = heads[slot];
      heads[slot] = index;
    }
    return count;
  }
  return { meet };
}

/** Whether the share of equal bins, an estimate of the similarity, is at least `share`. */
function agree(signatures: Uint32Array, a: number, b: number, share: number): boolean {
  let differing = Math.floor((1 - share) * BINS);
  for (let bin = 0; bin < BINS && differing >= 0; bin++) {
    if (signatures[a * BINS + bin] !== signatures[b * BINS + bin]) differing--;
  }
  return differing >= 0;
}

/** A power of two, at least twice MAX_CHARS. */
const SLOTS = 2 ** 13;

/** A set of piece hashes, open addressed and used again for every text. */
class PieceSet {
  private readonly values = new Uint32Array(SLOTS);
  /** Round in which a slot was filled: older ones count as free. */
  private readonly filled = new Int32Array(SLOTS);
  private round = 0;

  /** Puts other values in; returns how many different ones. */
  fill(hashes: Uint32Array, count: number): number {
    this.round++;
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

  /** Moves the values that are not in the set to the front; returns how many. */
  takeOut(hashes: Uint32Array, count: number): number {
    let left = 0;
    for (let i = 0; i < count; i++) {
      if (this.filled[this.find(hashes[i])] !== this.round) hashes[left++] = hashes[i];
    }
    return left;
  }

  private find(value: number): number {
    let slot = value & (SLOTS - 1);
    while (this.filled[slot] === this.round && this.values[slot] !== value) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}
