/**
 * @file The merges of a file, either as parsed or as stretches of its text.
 *
 * Half a million merges as JavaScript strings take more time and memory than all the rest of loading. So they are cut
 * out of the text before it is parsed, and looked up in place.
 */

import { TokenizerError } from './error.js';

/** Told of each merge: its parts are text[start, gap) and text[gap + 1, end). */
export type VisitMerge = (text: string, start: number, gap: number, end: number, rank: number) => void;

/** Merges in order of rank. */
export interface MergeList {
  length: number;
  forEach(visit: VisitMerge): void;
}

/** Merges as JSON.parse gives them: "left right", or [left, right]. */
export function parsedMerges(list: unknown[]): MergeList {
  return {
    length: list.length,
    forEach(visit) {
      list.forEach((merge, rank) => {
        if (typeof merge === 'string') visit(merge, 0, onlySpace(merge, 0, merge.length, rank), merge.length, rank);
        else if (isPair(merge)) {
          const text = `${merge[0]} ${merge[1]}`; // the parts may hold spaces
          visit(text, 0, merge[0].length, text.length, rank);
        } else throw badMerge(JSON.stringify(merge), rank, 'it is no pair');
      });
    },
  };
}

/**
 * Finds `model.merges` in the text of a tokenizer.json and takes it out.
 *
 * @returns the text with an empty list in its place, and the merges; null when it is not found as a plain list of texts,
 *   and the text is to be parsed as a whole
 */
export function takeMerges(json: string): { rest: string; merges: MergeList } | null {
  const open = findMerges(json);
  if (open < 0) return null;
  let bounds = new Int32Array(1 << 16); // start and end of each text, quotes left out
  let count = 0;
  let at = skipSpace(json, open + 1);
  while (json[at] === '"') {
    const end = stringEnd(json, at);
    if (end < 0) return null;
    if (2 * count + 2 > bounds.length) {
      const grown = new Int32Array(2 * bounds.length);
      grown.set(bounds);
      bounds = grown;
    }
    bounds[2 * count] = at + 1;
    bounds[2 * count + 1] = end - 1;
    count++;
    at = skipSpace(json, end);
    if (json[at] !== ',') break;
    at = skipSpace(json, at + 1);
    if (json[at] !== '"') return null;
  }
  if (count === 0 || json[at] !== ']') return null;
  const merges: MergeList = {
    length: count,
    forEach(visit) {
      for (let rank = 0; rank < count; rank++) {
        const start = bounds[2 * rank];
        const end = bounds[2 * rank + 1];
        const escaped = findUnit(json, 0x5c, start, end) >= 0;
        if (!escaped) visit(json, start, onlySpace(json, start, end, rank), end, rank);
        else {
          const text = unquote(json.slice(start - 1, end + 1), rank);
          visit(text, 0, onlySpace(text, 0, text.length, rank), text.length, rank);
        }
      }
    },
  };
  return { rest: `${json.slice(0, open)}[]${json.slice(at + 1)}`, merges };
}

/** An error about one merge. */
export function badMerge(merge: string | undefined, rank: number, why: string): TokenizerError {
  return new TokenizerError(`tokenizer.json: merge ${rank}, ${merge?.slice(0, 80)}, cannot be used: ${why}`);
}

/** Index of the bracket that opens the list behind "merges" in the object behind "model", or -1. */
function findMerges(json: string): number {
  let depth = 0;
  let inModel = false;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (unit === 0x7b || unit === 0x5b) depth++;
    else if (unit === 0x7d || unit === 0x5d) {
      depth--;
      if (depth < 2) inModel = false;
    } else if (unit === 0x22) {
      const end = stringEnd(json, at);
      if (end < 0) return -1;
      const colon = skipSpace(json, end);
      if (depth <= 2 && json[colon] === ':') {
        const value = skipSpace(json, colon + 1);
        if (depth === 1 && json[value] === '{') inModel = json.startsWith('"model"', at);
        if (depth === 2 && inModel && json.startsWith('"merges"', at)) return json[value] === '[' ? value : -1;
      }
      at = end - 1;
    }
  }
  return -1;
}

/** Index behind the closing quote of the string that opens at `at`; -1 when it does not end, or holds a control character. */
function stringEnd(json: string, at: number): number {
  for (let i = at + 1; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (unit === 0x22) return i + 1;
    if (unit === 0x5c) i++;
    else if (unit < 0x20) return -1;
  }
  return -1;
}

function skipSpace(json: string, at: number): number {
  let i = at;
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++;
  return i;
}

function unquote(quoted: string, rank: number): string {
  try {
    return JSON.parse(quoted);
  } catch {
    throw badMerge(quoted, rank, 'it is not valid JSON');
  }
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
