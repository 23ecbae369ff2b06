/** @file Tokens by id and ids by token, with the tables that give a character its first symbol. */

import { TokenizerError } from './error.js';
import { addToken, createTokenIndex, findToken, type TokenIndex } from './token-index.js';
import type { AddedToken } from './tokenizer-json.js';
import type { VocabList } from './vocab-list.js';

/** The vocabulary of a byte-fallback BPE. */
export interface Vocabulary {
  /** Token texts by id, and ids by text. */
  index: TokenIndex;
  /** [65536] id of a character of the basic plane, or -1. Ids behind the last token are symbols for merges alone. */
  charIds: Int32Array;
  /** Ids of characters above U+FFFF, by code point. */
  astralIds: Map<number, number>;
  /** [256] ids of <0x00> to <0xFF>; -1 for a byte that has no token. */
  byteIds: Int32Array;
}

/** Largest id taken: far above any vocabulary in use, and it bounds what a wrong file can make us allocate. */
export const MAX_ID = 1 << 24;

/**
 * Builds the tables. Added tokens may repeat entries of the vocabulary or extend it.
 *
 * @throws TokenizerError for ids that are no whole numbers, repeated, or missing byte tokens.
 */
export function buildVocabulary(vocab: VocabList, added: AddedToken[]): Vocabulary {
  try {
    return fill(vocab, added);
  } catch (error) {
    // Where a name is in the file twice, its last id alone counts, as in JSON.parse.
    if (!vocab.merged || !(error instanceof TokenizerError)) throw error;
    return fill(vocab.merged(), added);
  }
}

function fill(vocab: VocabList, added: AddedToken[]): Vocabulary {
  const index = createTokenIndex(vocab.length + added.length);
  let size = 0;
  const put = (token: string, id: unknown) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_ID) {
      throw new TokenizerError(
        'vocabulary',
        `tokenizer.json: token ${JSON.stringify(token)} has id ${JSON.stringify(id)?.slice(0, 60)}; a whole number from 0 to ${MAX_ID - 1} is expected`,
      );
    }
    const holder = index.tokens[id];
    if (holder !== undefined) {
      throw new TokenizerError(
        'vocabulary',
        `tokenizer.json: id ${id} is both ${JSON.stringify(holder)} and ${JSON.stringify(token)}`,
      );
    }
    addToken(index, token, id);
    size = Math.max(size, id + 1);
    return id;
  };
  const charIds = new Int32Array(65536).fill(-1);
  const astralIds = new Map<number, number>();
  vocab.forEach((token, value) => {
    if (vocab.merged && findToken(index, token) >= 0)
      throw new TokenizerError(
        'vocabulary',
        `tokenizer.json: token ${JSON.stringify(token)} is in the vocabulary twice`,
      );
    const id = put(token, value);
    if (token.length === 1) charIds[token.charCodeAt(0)] = id;
    else if (token.length === 2 && token.codePointAt(0)! > 0xffff) astralIds.set(token.codePointAt(0)!, id);
  });
  for (const token of added) {
    const known = findToken(index, token.content);
    if (known < 0) put(token.content, token.id);
    else if (known !== token.id) {
      throw new TokenizerError(
        'vocabulary',
        `tokenizer.json: added token ${JSON.stringify(token.content)} has id ${token.id}, but ${known} in the vocabulary`,
      );
    }
  }
  index.tokens.length = size;
  return { index, charIds, astralIds, byteIds: byteIds(index) };
}

/**
 * Writes the byte tokens of a code point's UTF-8 to `ids[at…]` and returns the index behind the last.
 *
 * @throws TokenizerError where the vocabulary lacks one of them
 */
export function putBytes({ byteIds }: Vocabulary, point: number, ids: Int32Array, at: number): number {
  let n = at;
  const put = (byte: number) => {
    const id = byteIds[byte];
    if (id < 0)
      throw new TokenizerError(
        'vocabulary',
        `no token covers ${JSON.stringify(String.fromCodePoint(point))}: neither the character nor ${byteToken(byte)} is in the vocabulary`,
      );
    ids[n++] = id;
  };
  if (point < 0x80) put(point);
  else if (point < 0x800) {
    put(0xc0 | (point >> 6));
    put(0x80 | (point & 63));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12));
    put(0x80 | ((point >> 6) & 63));
    put(0x80 | (point & 63));
  } else {
    put(0xf0 | (point >> 18));
    put(0x80 | ((point >> 12) & 63));
    put(0x80 | ((point >> 6) & 63));
    put(0x80 | (point & 63));
  }
  return n;
}

/** The token that stands for one byte. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

function byteIds(index: TokenIndex): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const id = findToken(index, byteToken(byte));
    if (id >= 0) return id;
    // Gemma has no <0x09>: a byte that is a character with a token of its own is never needed.
    if (byte < 0x80 && findToken(index, String.fromCharCode(byte)) >= 0) return -1;
    throw new TokenizerError(
      'vocabulary',
      `tokenizer.json: byte_fallback is on, but ${byteToken(byte)} is not in the vocabulary`,
    );
  });
}
