/** @file Hashes of texts for look-up tables and seeded choices; not for secrets. */

/** Two independent 32-bit hashes of texts in order, as [low, high]; multiply-rotate mixing, two UTF-16 code units a step. */
function hash64(texts: readonly string[], seed: number): [number, number] {
  let low = 0xdeadbeef ^ seed;
  let high = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1);
  for (const text of texts) {
    const { length } = text;
    for (let i = 0; i < length; i += 2) {
      const units = text.charCodeAt(i) | (i + 1 < length ? text.charCodeAt(i + 1) << 16 : 0);
      low = Math.imul(low ^ units, 0x9e3779b1);
      low = (low << 13) | (low >>> 19);
      high = Math.imul(high ^ units, 0x85ebca77);
      high = (high << 15) | (high >>> 17);
    }
    // The length closes a text, so that ["ab", "c"] and ["a", "bc"] differ.
    low = mix(low ^ length) ^ mix(high);
    high = mix(high ^ length) ^ mix(low);
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

/** 64 bits of a list of texts as a short key, so that tables need not keep the texts. */
export function textKey(texts: readonly string[]): string {
  const [low, high] = hash64(texts, texts.length);
  return String.fromCharCode(low & 0xffff, low >>> 16, high & 0xffff, high >>> 16);
}
