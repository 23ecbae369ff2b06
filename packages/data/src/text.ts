/// <reference lib="es2024.string" />
/** @file Small functions of texts. */

/** Replaces each unpaired surrogate by U+FFFD, as writing the text in UTF-8 would. */
export function repairSurrogates(text: string): string {
  return text.toWellFormed();
}

/** True when the turns hold only white space. */
export function isBlank(turns: string[]): boolean {
  return turns.every((turn) => turn.trim() === '');
}

/** True when two lists of turns hold the same texts. */
export function sameTurns(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((turn, i) => turn === b[i]);
}

/** Normal form of a text for comparing questions: compatibility form, lower case, single spaces. */
export function normalizeText(text: string): string {
  // ASCII is its own compatibility form.
  const lower = (NOT_ASCII.test(text) ? text.normalize('NFKC') : text).toLowerCase();
  return (UNEVEN_SIGNS.some((sign) => lower.includes(sign)) ? lower.replace(UNEVEN_SPACE, ' ') : lower).trim();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII
const NOT_ASCII = /[^\x00-\x7f]/;
/** Runs of white space other than one space. */
const UNEVEN_SPACE = / \s+|[^\S ]\s*/g;
/**
 * Every such run of a compatibility form holds one of these. Searching for them is faster than the expression, and
 * mostly finds none.
 */
const UNEVEN_SIGNS = ['\n', '  ', '\t', '\r', '\v', '\f', '\u1680', '\u2028', '\u2029', '\ufeff'];

/** Cuts to at most `length` code units without leaving half a character. */
export function capText(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = length > 0 && (text.charCodeAt(length - 1) & 0xfc00) === 0xd800;
  return text.slice(0, half ? length - 1 : length);
}
