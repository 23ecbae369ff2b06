/**
 * @file The merges of a SentencePiece BPE. It has no list of them: two neighbours are merged when their texts together
 * are a piece, the pair that makes the piece of the highest score first. So each way to cut a piece in two symbols is a
 * merge, and the rank of its score is the rank of all of them.
 */

import { TokenizerError } from './error.js';
import { addMerge, createMergeTable, MAX_MERGES, type MergeTable } from './merge-table.js';
import { findBeginnings, findToken } from './token-index.js';
import type { Vocabulary } from './vocabulary.js';

/** SentencePiece makes no longer ones. It bounds what a wrong file can cost. */
const MAX_PIECE_UNITS = 512;

/** The merges of a vocabulary. */
interface ScoreMerges {
  table: MergeTable;
  /** Code points that are in some piece and are none themselves. Their symbols, in `charIds`, follow the last token. */
  characters: number[];
  /** [n] 1 for a piece that some merge makes. */
  isMade: Uint8Array;
}

/**
 * Builds the table, and enters the symbols of `characters` in the vocabulary.
 *
 * @param scores [n] not NaN
 * @param isPiece [n] 1 for the tokens that merges may make
 * @throws TokenizerError for a piece that is too long, or too many different scores
 */
export function buildScoreMerges(vocabulary: Vocabulary, scores: ArrayLike<number>, isPiece: Uint8Array): ScoreMerges {
  const tokens = vocabulary.index.tokens as string[];
  const longer: number[] = []; // ids of the pieces of two characters or more
  for (let id = 0; id < tokens.length; id++) {
    const { length } = tokens[id];
    if (!isPiece[id] || length <= charLength(tokens[id], 0)) continue;
    if (length > MAX_PIECE_UNITS)
      throw new TokenizerError(
        'unsupported',
        `vocabulary: token ${id} has ${length} characters; at most ${MAX_PIECE_UNITS} are supported`,
      );
    longer.push(id);
  }
  const characters = enterCharacters(vocabulary, longer);
  const ranks = rankScores(longer, scores);
  let rows = new Int32Array(4 * 4096);
  let filled = 0;
  const isMade = new Uint8Array(tokens.length);
  const beginnings = new Int32Array(MAX_PIECE_UNITS + 1);
  for (const id of longer) {
    const token = tokens[id];
    const first = charLength(token, 0);
    findBeginnings(vocabulary.index, token, beginnings);
    for (let at = first; at < token.length; at += charLength(token, at)) {
      const left = at === first ? idOfCharacter(vocabulary, token.codePointAt(0)!) : pieceOf(beginnings[at], isPiece);
      const right = left < 0 ? -1 : findSymbol(vocabulary, isPiece, token, at, token.length);
      if (right < 0) continue;
      if (filled === rows.length) rows = grown(rows);
      rows[filled++] = left;
      rows[filled++] = right;
      rows[filled++] = ranks[id];
      rows[filled++] = id;
      isMade[id] = 1;
    }
  }
  const table = createMergeTable(filled / 4);
  for (let i = 0; i < filled; i += 4) addMerge(table, rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
  return { table, characters, isMade };
}

/** Gives each character of these pieces that is no piece itself a symbol behind the last token. */
function enterCharacters(vocabulary: Vocabulary, ids: number[]): number[] {
  const { index, charIds, astralIds } = vocabulary;
  const characters: number[] = [];
  for (const id of ids) {
    const token = index.tokens[id]!;
    for (let at = 0; at < token.length; at += charLength(token, at)) {
      const point = token.codePointAt(at)!;
      if (idOfCharacter(vocabulary, point) >= 0) continue;
      const symbol = index.tokens.length + characters.length;
      if (point > 0xffff) astralIds.set(point, symbol);
      else charIds[point] = symbol;
      characters.push(point);
    }
  }
  return characters;
}

function grown(values: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * values.length);
  more.set(values);
  return more;
}

/** Ranks of the scores of these ids, by id, 0 for the highest. Equal scores have one rank: of those pairs the leftmost is merged first. */
function rankScores(ids: number[], scores: ArrayLike<number>): Int32Array {
  const ranks = new Int32Array(scores.length);
  const isFalling = ids.every((id, i) => i === 0 || scores[id] <= scores[ids[i - 1]]); // as most files have them
  const order = isFalling ? ids : [...ids].sort((a, b) => scores[b] - scores[a] || 0); // two infinities are equal, too
  let rank = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && scores[order[i]] !== scores[order[i - 1]]) rank++;
    ranks[order[i]] = rank;
  }
  if (rank >= MAX_MERGES - 1)
    throw new TokenizerError(
      'unsupported',
      `vocabulary: ${rank + 1} different scores; at most ${MAX_MERGES - 1} are supported`,
    );
  return ranks;
}

/** Id of the symbol text[start, end): a character, or a piece; -1 when it is neither. */
function findSymbol(vocabulary: Vocabulary, isPiece: Uint8Array, text: string, start: number, end: number): number {
  if (end - start === charLength(text, start)) return idOfCharacter(vocabulary, text.codePointAt(start)!);
  return pieceOf(findToken(vocabulary.index, text, start, end), isPiece);
}

function pieceOf(id: number, isPiece: Uint8Array): number {
  return id >= 0 && isPiece[id] ? id : -1;
}

function idOfCharacter({ charIds, astralIds }: Vocabulary, point: number): number {
  return point > 0xffff ? (astralIds.get(point) ?? -1) : charIds[point];
}

/** Code units of the character at `at`. */
function charLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}
