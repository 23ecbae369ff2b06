/**
 * @file Finds texts that are almost the same: MinHash signatures (one permutation, empty bins filled from the next one)
 * meet in bands, and what meets is compared by the Jaccard similarity of its 5-letter pieces.
 */

import { hash32 } from './hash.js';

const BINS = 64;
const BAND = 4;
const PIECE = 5;
/** Only so much of a text is compared; prompts with the same first 4,000 letters are the same question. */
const MAX_CHARS = 4000;
/** Texts in a band's bucket that a new one is compared with. */
const MAX_COMPARED = 32;

/** Two texts and how alike they are. */
export interface NearPair {
  a: number;
  b: number;
  /** Jaccard similarity of the sets of 5-letter pieces. */
  similarity: number;
}

/** Pairs of texts with a similarity of at least `threshold`; exact copies too. Nearly all of them: the search is by chance. */
export function nearDuplicates(texts: string[], threshold = 0.8): NearPair[] {
  const buckets = new Map<string, number[]>();
  const found: NearPair[] = [];
  const signature = new Uint32Array(BINS);
  for (let index = 0; index < texts.length; index++) {
    sign(texts[index], signature);
    const candidates = new Set<number>();
    for (let band = 0; band < BINS; band += BAND) {
      const key = `${band} ${signature.subarray(band, band + BAND).join(' ')}`;
      const bucket = buckets.get(key);
      if (!bucket) buckets.set(key, [index]);
      else {
        for (const other of bucket) candidates.add(other);
        if (bucket.length < MAX_COMPARED) bucket.push(index);
      }
    }
    if (candidates.size === 0) continue;
    const own = piecesOf(texts[index]);
    for (const other of candidates) {
      const similarity = jaccard(own, piecesOf(texts[other]));
      if (similarity >= threshold) found.push({ a: other, b: index, similarity });
    }
  }
  return found;
}

function piecesOf(text: string): Set<string> {
  const pieces = new Set<string>();
  const end = Math.min(text.length, MAX_CHARS);
  for (let i = 0; i + PIECE <= end; i++) pieces.add(text.slice(i, i + PIECE));
  if (pieces.size === 0) pieces.add(text);
  return pieces;
}

function sign(text: string, signature: Uint32Array): void {
  const empty = 0xffffffff;
  signature.fill(empty);
  for (const piece of piecesOf(text)) {
    const hash = hash32(piece);
    const bin = hash % BINS;
    signature[bin] = Math.min(signature[bin], Math.floor(hash / BINS));
  }
  for (let bin = 0; bin < BINS; bin++) {
    for (let step = 1; signature[bin] === empty && step < BINS; step++) {
      const from = signature[(bin + step) % BINS];
      // Borrowed values are told apart by the distance they came from.
      if (from !== empty && from < 2 ** 27) signature[bin] = (from + step * 2 ** 27) >>> 0;
    }
  }
}

function jaccard(a: Set<string>, b: Set<string>): number {
  let both = 0;
  for (const piece of a) if (b.has(piece)) both++;
  return both / (a.size + b.size - both);
}
