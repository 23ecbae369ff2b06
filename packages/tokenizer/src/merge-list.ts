/** @file The merges of a file in order of rank, as a list that was parsed or a stretch of the file at a time. */

import { TokenizerError } from './error.js';
import { type JsonPart, stretches } from './json-parts.js';
import { readPlain } from './plain-json.js';

/** Told of each merge: its parts are text[start, gap) and text[gap + 1, end). */
type VisitMerge = (text: string, start: number, gap: number, end: number, rank: number) => void;

/** Merges in order of rank. */
export interface MergeList {
  length: number;
  forEach(visit: VisitMerge): void;
}

/** Merges as JSON.parse gives them: "left right", or [left, right]. */
export function parsedMerges(list: unknown[]): MergeList {
  return { length: list.length, forEach: (visit) => visitAll(list, 0, visit) };
}

/** Merges in the bytes of a file; `parse` is JSON.parse with an error of this package. */
export function partMerges(json: Uint8Array, part: JsonPart, parse: (text: string) => unknown): MergeList {
  return {
    length: part.count,
    forEach(visit) {
      let first = 0;
      for (const stretch of stretches(json, part)) {
        const plain = readPlain(stretch, false);
        const list = plain ? null : (parse(stretch) as unknown[]);
        if (list) visitAll(list, first, visit);
        for (let i = 0; plain && i < plain.count; i++) {
          const start = plain.rows[4 * i];
          const end = plain.rows[4 * i + 1];
          if (plain.rows[4 * i + 2]) visitAll([parse(stretch.slice(start - 1, end + 1))], first + i, visit);
          else visit(stretch, start, onlySpace(stretch, start, end, first + i), end, first + i);
        }
        first += plain?.count ?? list!.length;
      }
    },
  };
}

function visitAll(list: unknown[], first: number, visit: VisitMerge): void {
  for (let i = 0; i < list.length; i++) {
    const merge = list[i];
    const rank = first + i;
    if (typeof merge === 'string') visit(merge, 0, onlySpace(merge, 0, merge.length, rank), merge.length, rank);
    else if (isPair(merge)) {
      const text = `${merge[0]} ${merge[1]}`; // the parts may hold spaces
      visit(text, 0, merge[0].length, text.length, rank);
    } else throw badMerge(JSON.stringify(merge), rank, 'it is no pair');
  }
}

/** An error about one merge. */
export function badMerge(merge: string | undefined, rank: number, why: string): TokenizerError {
  return new TokenizerError(
    'vocabulary',
    `tokenizer.json: merge ${rank}, ${merge?.slice(0, 80)}, cannot be used: ${why}`,
  );
}

/** Index of the one space of text[start, end). */
function onlySpace(text: string, start: number, end: number, rank: number): number {
  const space = findUnit(text, 0x20, start, end);
  if (space < 0 || findUnit(text, 0x20, space + 1, end) >= 0) {
    throw badMerge(JSON.stringify(text.slice(start, end)), rank, 'it is no pair');
  }
  return space;
}

function findUnit(text: string, unit: number, start: number, end: number): number {
  for (let i = start; i < end; i++) if (text.charCodeAt(i) === unit) return i;
  return -1;
}

function isPair(merge: unknown): merge is [string, string] {
  return Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string');
}
