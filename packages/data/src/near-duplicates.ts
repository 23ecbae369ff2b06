/**
 * @file Finds texts that are almost the same: MinHash signatures (one permutation, empty bins filled from the next one)
 * meet in bands, and what meets is compared by the Jaccard similarity of its 5-letter pieces.
 */

import { mix } from './hash.js';

const BINS = 64;
const BAND = 4;
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

/** Pairs of texts with a similarity of at least `threshold`; exact copies too. Nearly all of them: the search is by chance. */
export function nearDuplicates(texts: string[], threshold = 0.8): NearPair[] {
  const buckets = new Map<string, number[]>();
  const found: NearPair[] = [];
  const signatures = new Uint32Array(texts.length * BINS);
  const signatureOf = (index: number) => signatures.subarray(index * BINS, (index + 1) * BINS);
  for (let index = 0; index < texts.length; index++) {
    const own = piecesOf(texts[index]);
    const signature = signatureOf(index);
    sign(own, signature);
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
    for (const other of candidates) {
      if (agreement(signature, signatureOf(other)) < threshold - MARGIN) continue;
      const similarity = jaccard(own, piecesOf(texts[other]));
      if (similarity >= threshold) found.push({ a: other, b: index, similarity });
    }
  }
  return found;
}

/** Hashes of all 5-letter pieces, sorted, each once. */
function piecesOf(text: string): Uint32Array {
  const end = Math.min(text.length, MAX_CHARS);
  const hashes = new Uint32Array(Math.max(1, end - PIECE + 1));
  for (let i = 0; i < hashes.length; i++) {
    let hash = 0;
    for (let k = i; k < Math.min(i + PIECE, end); k++) {
      hash = Math.imul(hash ^ text.charCodeAt(k), 0x9e3779b1) ^ (hash >>> 13);
    }
    hashes[i] = mix(hash);
  }
  hashes.sort();
  let count = 0;
  for (const hash of hashes) if (count === 0 || hash !== hashes[count - 1]) hashes[count++] = hash;
  return hashes.subarray(0, count);
}

/** Fills the least hash of each bin; an empty bin borrows from the next one that has any. */
function sign(pieces: Uint32Array, signature: Uint32Array): void {
  const empty = 0xffffffff;
  signature.fill(empty);
  for (const hash of pieces) {
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

/** Share of equal bins: an estimate of the similarity. */
function agreement(a: Uint32Array, b: Uint32Array): number {
  let same = 0;
  for (let bin = 0; bin < BINS; bin++) if (a[bin] === b[bin]) same++;
  return same / BINS;
}

/** Size of the intersection over that of the union, of two sorted lists. */
function jaccard(a: Uint32Array, b: Uint32Array): number {
  let both = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) both++;
    const step = a[i] <= b[j];
    if (b[j] <= a[i]) j++;
    if (step) i++;
  }
  return both / (a.length + b.length - both);
}
