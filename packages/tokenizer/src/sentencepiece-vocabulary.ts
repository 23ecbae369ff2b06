/** @file The vocabulary of a SentencePiece BPE as a GGUF file holds it, and the checks that it is one. */

import { TokenizerError } from './error.js';
import { addToken, createTokenIndex, findToken } from './token-index.js';
import { MAX_ID, type Vocabulary } from './vocabulary.js';

/** Pieces, scores and kinds, as a GGUF file holds them; lists by id. */
export interface SentencePieceVocabulary {
  /** [n] User-defined tokens may hold plain spaces, all others write a space as U+2581. */
  tokens: readonly string[];
  /** [n] The pair of neighbours that makes the piece of the highest score is merged first. */
  scores: ArrayLike<number>;
  /** [n] 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  types: ArrayLike<number>;
  bosId?: number;
  eosId?: number;
  /** Default: the token of kind 2. */
  unkId?: number;
  padId?: number;
  /** Whether `addSpecialTokens` puts the token `bosId` in front. */
  addBos: boolean;
  /** Whether `addSpecialTokens` puts the token `eosId` at the end. */
  addEos: boolean;
  /** Whether a space is put in front of a text. */
  addSpacePrefix: boolean;
}

/** A checked vocabulary. */
export interface CheckedVocabulary {
  vocabulary: Vocabulary;
  scores: ArrayLike<number>;
  /** [n] 1 for what merges may make: normal and unused pieces. */
  isPiece: Uint8Array;
  /** [n] 1 for an unused piece. */
  isUnused: Uint8Array;
  /** Tokens that a text holds only as control tokens. */
  controlIds: number[];
  userDefinedIds: number[];
  unkId: number;
}

const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6];
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** Checks a vocabulary and builds its tables. @throws TokenizerError (`malformed`, `vocabulary`) */
export function checkVocabulary(source: SentencePieceVocabulary): CheckedVocabulary {
  if (!Array.isArray(source?.tokens) || !source.scores || !source.types)
    throw new TokenizerError('malformed', 'vocabulary: it needs the lists "tokens", "scores" and "types"');
  const { tokens, scores, types } = source;
  const count = tokens.length;
  if (scores.length !== count || types.length !== count)
    throw bad(
      `${count} tokens, ${scores.length} scores and ${types.length} types; the same number of each is expected`,
    );
  if (count > MAX_ID) throw bad(`${count} tokens; at most ${MAX_ID} are supported`);
  const unkId = source.unkId ?? Array.prototype.indexOf.call(types, UNKNOWN);
  if (source.unkId === undefined && unkId < 0) throw bad('there is no unknown token (unkId, or a token of type 2)');
  const { bosId, eosId, padId } = source;
  for (const [name, id] of Object.entries({ bosId, eosId, padId, unkId })) {
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < count))
      throw bad(`${name} is ${id}; a whole number from 0 to ${count - 1} is expected`);
  }
  if (source.addBos && bosId === undefined) throw bad('addBos is set, but there is no bosId');
  if (source.addEos && eosId === undefined) throw bad('addEos is set, but there is no eosId');

  const index = createTokenIndex(count);
  const vocabulary: Vocabulary = {
    index,
    charIds: new Int32Array(65536).fill(-1),
    astralIds: new Map(),
    byteIds: new Int32Array(256).fill(-1),
  };
  const checked: CheckedVocabulary = {
    vocabulary,
    scores,
    isPiece: new Uint8Array(count),
    isUnused: new Uint8Array(count),
    controlIds: [],
    userDefinedIds: [],
    unkId,
  };
  const special = new Set([bosId, eosId, padId, unkId]);
  for (let id = 0; id < count; id++) {
    const token = tokens[id];
    const type = types[id];
    if (typeof token !== 'string') throw bad(`token ${id} is no text`);
    if (Number.isNaN(Number(scores[id]))) throw bad(`the score of ${named(token, id)} is no number`);
    const holder = findToken(index, token);
    if (holder >= 0) throw bad(`${named(token, id)} is there already, with id ${holder}`);
    addToken(index, token, id);
    if (special.has(id) || type === CONTROL || type === UNKNOWN) checked.controlIds.push(id);
    else if (type === USER_DEFINED) checked.userDefinedIds.push(id);
    else if (type === BYTE) enterByte(vocabulary, token, id);
    else if (type === NORMAL || type === UNUSED) {
      checked.isPiece[id] = 1;
      if (type === UNUSED) checked.isUnused[id] = 1;
      const point = token.codePointAt(0) ?? 0;
      if (token.length === 1) vocabulary.charIds[point] = id;
      else if (token.length === 2 && point > 0xffff) vocabulary.astralIds.set(point, id);
    } else throw bad(`${named(token, id)} has type ${type}; 1 to 6 are expected`);
  }
  return checked;
}

function enterByte({ byteIds }: Vocabulary, token: string, id: number): void {
  const byte = Number.parseInt(BYTE_TOKEN.exec(token)?.[1] ?? '', 16);
  if (Number.isNaN(byte)) throw bad(`${named(token, id)} is of type byte; <0x00> to <0xFF> are expected`);
  if (byteIds[byte] >= 0) throw bad(`${named(token, id)} is there already, with id ${byteIds[byte]}`);
  byteIds[byte] = id;
}

function named(token: string, id: number): string {
  return `token ${id}, ${JSON.stringify(token.slice(0, 80))},`;
}

function bad(message: string): TokenizerError {
  return new TokenizerError('vocabulary', `vocabulary: ${message}`);
}
