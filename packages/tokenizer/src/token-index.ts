/**
 * @file Ids by token text: an open-addressed table that is asked with a stretch of a text, so that the three parts of
 * half a million merges are found without making a string for any of them.
 */

/** Token texts by id, and the table over them. */
export interface TokenIndex {
  /** A hole where an id is unused. */
  tokens: (string | undefined)[];
  /** Id by hash; -1 is free. */
  slots: Int32Array;
  mask: number;
}

/** An empty index for `count` tokens; `tokens` is as long, and is to be cut behind the last id. */
export function createTokenIndex(count: number): TokenIndex {
  let size = 16;
  while (size < 2 * count) size *= 2;
  return { tokens: new Array(count), slots: new Int32Array(size).fill(-1), mask: size - 1 };
}

/** Adds a token that is not in the index. */
export function addToken(index: TokenIndex, token: string, id: number): void {
  index.tokens[id] = token;
  let slot = hashOf(token, 0, token.length, -1) & index.mask;
  while (index.slots[slot] >= 0) slot = (slot + 1) & index.mask;
  index.slots[slot] = id;
}

/**
 * Id of the token that is text[start, end), or -1.
 *
 * @param gap index of one code unit within that is passed over: the space of "left right"
 */
export function findToken(index: TokenIndex, text: string, start = 0, end = text.length, gap = -1): number {
  let slot = hashOf(text, start, end, gap) & index.mask;
  for (;;) {
    const id = index.slots[slot];
    if (id < 0 || equals(index.tokens[id]!, text, start, end, gap)) return id;
    slot = (slot + 1) & index.mask;
  }
}

function hashOf(text: string, start: number, end: number, gap: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) if (i !== gap) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function equals(token: string, text: string, start: number, end: number, gap: number): boolean {
  if (token.length !== end - start - (gap < 0 ? 0 : 1)) return false;
  let k = 0;
  for (let i = start; i < end; i++) if (i !== gap && token.charCodeAt(k++) !== text.charCodeAt(i)) return false;
  return true;
}
