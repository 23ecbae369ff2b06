/**
 * @file The merges of a SentencePiece BPE. It has no list of them: two neighbours are merged when their texts together
 * are a piece, the pair that makes the piece of the highest score first. So each way to cut a piece in two symbols is a
 * merge, and the rank of its score is the rank of all of them.
 */

import { TokenizerError } from './error.js';
import { addMerge, createMergeTable, MAX_MERGES, type MergeTable } from './merge-table.js';
import { findToken } from './token-index.js';
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
  const ranks = rankScores(longer.map((id) => scores[id]));
  const rows: number[] = [];
  const isMade = new Uint8Array(tokens.length);
  for (const id of longer) {
    const token = tokens[id];
    for (let at = charLength(token, 0); at < token.length; at += charLength(token, at)) {
      const left = findSymbol(vocabulary, isPiece, token, 0, at);
      const right = left < 0 ? -1 : findSymbol(vocabulary, isPiece, token, at, token.length);
      if (right < 0) continue;
      rows.push(left, right, ranks.get(scores[id])!, id);
      isMade[id] = 1;
    }
  }
  const table = createMergeTable(rows.length / 4);
  for (let i = 0; i < rows.length; i += 4) addMerge(table, rows[i], rows[i + 1], rows[i + 2], rows[i + 3]);
  return { table, characters, isMade };
}

/** Gives each character of these pieces that is no piece itself a symbol behind the last token. */
function enterCharacters(vocabulary: Vocabulary, ids: number[]): number[] {
  const { index, charIds, astralIds } = vocabulary;
  const characters: number[] = [];
  for (const id of ids) {
    for (const character of index.tokens[id]!) {
      const point = character.codePointAt(0)!;
      if (idOfCharacter(vocabulary, point) >= 0) continue;
      const symbol = index.tokens.length + characters.length;
      if (point > 0xffff) astralIds.set(point, symbol);
      else charIds[point] = symbol;
      characters.push(point);
    }
  }
  return characters;
}

/** Rank of each score, 0 for the highest. Equal scores have one rank: of those pairs the leftmost is merged first. */
function rankScores(scores: number[]): Map<number, number> {
  const ranks = new Map<number, number>();
  const rising = Float64Array.from(scores).sort();
  for (let i = rising.length - 1; i >= 0; i--) if (!ranks.has(rising[i])) ranks.set(rising[i], ranks.size);
  if (ranks.size >= MAX_MERGES)
    throw new TokenizerError(
      'unsupported',
      `vocabulary: ${ranks.size} different scores; at most ${MAX_MERGES - 1} are supported`,
    );
  return ranks;
}

/** Id of the symbol text[start, end): a character, or a piece; -1 when it is neither. */
function findSymbol(vocabulary: Vocabulary, isPiece: Uint8Array, text: string, start: number, end: number): number {
  if (end - start === charLength(text, start)) return idOfCharacter(vocabulary, text.codePointAt(start)!);
  const id = findToken(vocabulary.index, text, start, end);
  return id >= 0 && isPiece[id] ? id : -1;
}

function idOfCharacter({ charIds, astralIds }: Vocabulary, point: number): number {
  return point > 0xffff ? (astralIds.get(point) ?? -1) : charIds[point];
}

/** Code units of the character at `at`. */
function charLength(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}
