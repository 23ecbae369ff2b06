/** @file A map with short lists of 32-bit integers as keys. String keys would cost as much as the launch. */

interface Entry<V> {
  words: Uint32Array;
  value: V;
}

export class WordMap<V> {
  private readonly slots = new Map<number, Entry<V>[]>();
  /** Number of keys. */
  size = 0;

  get(words: Uint32Array): V | undefined {
    return this.slots.get(hashOf(words))?.find((entry) => same(entry.words, words))?.value;
  }

  /** Adds a new key. Copies the words. */
  add(words: Uint32Array, value: V): void {
    const hash = hashOf(words);
    const entry = { words: words.slice(), value };
    const slot = this.slots.get(hash);
    if (slot) slot.push(entry);
    else this.slots.set(hash, [entry]);
    this.size++;
  }

  *values(): Iterable<V> {
    for (const slot of this.slots.values()) for (const { value } of slot) yield value;
  }

  clear(): void {
    this.slots.clear();
    this.size = 0;
  }
}

/** FNV-1a over words. */
function hashOf(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
  return hash ^ (hash >>> 15);
}

function same(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
