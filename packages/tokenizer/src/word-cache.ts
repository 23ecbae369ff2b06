/** @file Words already encoded, in typed arrays: no object a word, bounded memory, emptied when full. */

const MAX_ENTRIES = 1 << 16;
const LOG2_SLOTS = 17;
const KEY_UNITS = 1 << 20;
const ID_COUNT = 1 << 19;

/** A map from short texts to their token ids. About 8 MB. */
export class WordCache {
  /** Entry index + 1 by hash, open addressed; 0 is free. */
  private readonly slots = new Int32Array(1 << LOG2_SLOTS);
  private readonly keyStart = new Int32Array(MAX_ENTRIES + 1);
  private readonly idStart = new Int32Array(MAX_ENTRIES + 1);
  private readonly keys = new Uint16Array(KEY_UNITS);
  private readonly ids = new Int32Array(ID_COUNT);
  private entries = 0;

  /**
   * Copies the ids of text[start, end) into `out` at `at`.
   *
   * @returns the number of ids, or 0 when the word is unknown; `out` must have room for end - start ids times 3
   */
  get(text: string, start: number, end: number, hash: number, out: Int32Array, at: number): number {
    const entry = this.slots[this.findSlot(text, start, end, hash)] - 1;
    if (entry < 0) return 0;
    const from = this.idStart[entry];
    const count = this.idStart[entry + 1] - from;
    for (let k = 0; k < count; k++) out[at + k] = this.ids[from + k];
    return count;
  }

  /** Stores `ids[at, at + count)` for a word that `get` did not know. */
  set(text: string, start: number, end: number, hash: number, ids: Int32Array, at: number, count: number): void {
    const length = end - start;
    if (
      this.entries === MAX_ENTRIES ||
      this.keyStart[this.entries] + length > KEY_UNITS ||
      this.idStart[this.entries] + count > ID_COUNT
    ) {
      this.slots.fill(0);
      this.entries = 0;
    }
    const entry = this.entries++;
    const key = this.keyStart[entry];
    const id = this.idStart[entry];
    for (let k = 0; k < length; k++) this.keys[key + k] = text.charCodeAt(start + k);
    for (let k = 0; k < count; k++) this.ids[id + k] = ids[at + k];
    this.keyStart[entry + 1] = key + length;
    this.idStart[entry + 1] = id + count;
    this.slots[this.findSlot(text, start, end, hash)] = entry + 1;
  }

  /** The slot of the word, or the free one where it would go. */
  private findSlot(text: string, start: number, end: number, hash: number): number {
    const mask = (1 << LOG2_SLOTS) - 1;
    let slot = (Math.imul(hash, 0x9e3779b1) >>> (32 - LOG2_SLOTS)) & mask;
    for (;;) {
      const entry = this.slots[slot] - 1;
      if (entry < 0 || this.equals(entry, text, start, end)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  private equals(entry: number, text: string, start: number, end: number): boolean {
    const key = this.keyStart[entry];
    if (this.keyStart[entry + 1] - key !== end - start) return false;
    for (let k = start; k < end; k++) if (this.keys[key + k - start] !== text.charCodeAt(k)) return false;
    return true;
  }
}
