/** @file The votes of bench/data.mjs: a file's, and longer sets made of them. */
import { readFileSync } from 'node:fs';
import { Mt19937 } from '@arena/random';

export const FIELDS = ['prompt', 'response_a', 'response_b'];
/** A word is rare when it is in the file so often at most. */
const RARE = 2;

/**
 * Reads a file of JSON lines.
 * @returns its rows, a draw of a number below a bound, and a text with each word drawn from all words of the file, the rare ones with
 *   two neighbouring letters set anew; white space stays
 */
export function openTexts(path) {
  const random = new Mt19937(1);
  const below = (bound) => random.next() % bound;
  const rows = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const words = rows.flatMap((row) => FIELDS.flatMap((field) => row[field].match(/\S+/g) ?? []));
  const frequency = new Map();
  for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const letter = () => String.fromCharCode(97 + below(26));
  const misspell = (word) => word.replace(/[a-z]{2}/, () => letter() + letter());
  const vary = (text) =>
    text.replace(/\S+/g, () => {
      const word = words[below(words.length)];
      return frequency.get(word) <= RARE ? misspell(word) : word;
    });
  return { rows, below, vary };
}

/** A record with a text for each field. */
export function fieldsOf(text) {
  return Object.fromEntries(FIELDS.map((field) => [field, text(field)]));
}
