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
  /** The whole hash of each slot's token: most of what is not there is told without a look at a text. */
  hashes: Int32Array;
  mask: number;
}

/** An empty index for `count` tokens; `tokens` is as long, and is to be cut behind the last id. */
export function createTokenIndex(count: number): TokenIndex {
  let size = 16;
  while (size < 2 * count) size *= 2;
  return {
    tokens: new Array(count),
    slots: new Int32Array(size).fill(-1),
    hashes: new Int32Array(size),
    mask: size - 1,
  };
}

/** Adds a token that is not in the index. */
export function addToken(index: TokenIndex, token: string, id: number): void {
  index.tokens[id] = token;
  const hash = hashOf(token, 0, token.length, -1);
  let slot = hash & index.mask;
  while (index.slots[slot] >= 0) slot = (slot + 1) & index.mask;
  index.slots[slot] = id;
  index.hashes[slot] = hash;
}

/**
 * Id of the token that is text[start, end), or -1.
 *
 * @param gap index of one code unit within that is passed over: the space of "left right"
 */
export function findToken(index: TokenIndex, text: string, start = 0, end = text.length, gap = -1): number {
  return findHashed(index, hashOf(text, start, end, gap), text, start, end, gap);
}

/** Ids of the tokens that are the beginnings of a text: ids[end] is that of text[0, end), or -1, for each `end` from 1. */
export function findBeginnings(index: TokenIndex, text: string, ids: Int32Array): void {
  let state = HASH_START;
  for (let end = 1; end <= text.length; end++) {
    state = hashStep(state, text.charCodeAt(end - 1));
    ids[end] = findHashed(index, hashEnd(state), text, 0, end, -1);
  }
}

function findHashed(index: TokenIndex, hash: number, text: string, start: number, end: number, gap: number): number {
  const { slots, hashes, mask } = index;
  let slot = hash & mask;
  for (;;) {
    const id = slots[slot];
    if (id < 0 || (hashes[slot] === hash && equals(index.tokens[id]!, text, start, end, gap))) return id;
    slot = (slot + 1) & mask;
  }
}

function hashOf(text: string, start: number, end: number, gap: number): number {
  let state = HASH_START;
  for (let i = start; i < end; i++) if (i !== gap) state = hashStep(state, text.charCodeAt(i));
  return hashEnd(state);
}

const HASH_START = 0x811c9dc5 | 0;

function hashStep(state: number, unit: number): number {
  return Math.imul(state ^ unit, 0x01000193);
}

function hashEnd(state: number): number {
  const hash = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function equals(token: string, text: string, start: number, end: number, gap: number): boolean {
  if (token.length !== end - start - (gap < 0 ? 0 : 1)) return false;
  let k = 0;
  for (let i = start; i < end; i++) if (i !== gap && token.charCodeAt(k++) !== text.charCodeAt(i)) return false;
  return true;
}
