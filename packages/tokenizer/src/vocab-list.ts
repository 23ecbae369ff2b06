/** @file The vocabulary of a file, as an object that was parsed or a stretch of the file at a time. */

import { type JsonPart, stretches } from './json-parts.js';
import { readPlain } from './plain-json.js';

/** Tokens with what the file has as their ids. */
export interface VocabList {
  length: number;
  forEach(visit: (token: string, id: unknown) => void): void;
  /** The same in one object, where a name that the file has twice has its last id; absent when it is read from one. */
  merged?: () => VocabList;
}

/** A vocabulary as JSON.parse gives it. */
export function parsedVocab(vocab: Record<string, unknown>): VocabList {
  const names = Object.keys(vocab);
  return {
    length: names.length,
    forEach(visit) {
      for (const name of names) visit(name, vocab[name]);
    },
  };
}

/** A vocabulary in the bytes of a file; `parse` is JSON.parse with an error of this package. */
export function partVocab(json: Uint8Array, part: JsonPart, parse: (text: string) => unknown): VocabList {
  const objects = function* () {
    for (const stretch of stretches(json, part)) yield parse(stretch) as Record<string, unknown>;
  };
  return {
    length: part.count,
    forEach(visit) {
      for (const stretch of stretches(json, part)) {
        const plain = readPlain(stretch, true);
        if (!plain) {
          const some = parse(stretch) as Record<string, unknown>;
          for (const name of Object.keys(some)) visit(name, some[name]);
        }
        for (let i = 0; plain && i < plain.count; i++) {
          const start = plain.rows[4 * i];
          const end = plain.rows[4 * i + 1];
          const isShort = !plain.rows[4 * i + 2] && end - start < SLICED;
          visit(
            isShort ? stretch.slice(start, end) : (parse(stretch.slice(start - 1, end + 1)) as string),
            plain.rows[4 * i + 3],
          );
        }
      }
    },
    merged() {
      const whole = new Map<string, unknown>();
      for (const some of objects()) for (const name of Object.keys(some)) whole.set(name, some[name]);
      return parsedVocab(Object.fromEntries(whole));
    },
  };
}

/** A slice of so many letters keeps the text that it is of in memory. */
const SLICED = 13;
