/** @file Hashes of texts for look-up tables and seeded choices; not cryptographic. */

const encoder = new TextEncoder();
const bytes = new Uint8Array(2 ** 16);
const words = new Int32Array(bytes.buffer);

/**
 * Two independent 32-bit hashes of texts in order, as [low, high]; multiply-rotate mixing over UTF-8, four bytes a
 * step.
 */
function hash64(texts: readonly string[], seed: number): [number, number] {
  let low = 0xdeadbeef ^ seed;
  let high = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1);
  for (const text of texts) {
    // Encodes first: reading a string by code units costs several times more.
    for (let at = 0; at < text.length; ) {
      const { read, written } = encoder.encodeInto(at === 0 ? text : text.slice(at), bytes);
      at += read;
      bytes.fill(0, written, (written + 3) & ~3);
      for (let i = 0; 4 * i < written; i++) {
        low = Math.imul(low ^ words[i], 0x9e3779b1);
        low = (low << 13) | (low >>> 19);
        high = Math.imul(high ^ words[i], 0x85ebca77);
        high = (high << 15) | (high >>> 17);
      }
    }
    // The length ends a text, so that ["ab", "c"] and ["a", "bc"] differ.
    low = mix(low ^ text.length) ^ mix(high);
    high = mix(high ^ text.length) ^ mix(low);
  }
  return [low >>> 0, high >>> 0];
}

/** Spreads the bits of a 32-bit number (MurmurHash3's finaliser). */
export function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** 32 bits of a text. */
export function hash32(text: string, seed = 0): number {
  return hash64([text], seed)[0];
}

/** 64 bits of a list of texts as a short key. */
export function textKey(texts: readonly string[]): string {
  const [low, high] = hash64(texts, texts.length);
  return String.fromCharCode(low & 0xffff, low >>> 16, high & 0xffff, high >>> 16);
}
