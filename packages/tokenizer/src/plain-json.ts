/**
 * @file Lists of texts and objects of small numbers in which no text has an escape, read in place.
 *
 * JSON.parse gives the same, but enters every short text into the engine's table of names, which then takes more memory
 * than all that is kept of the file.
 */

/** Start and end of each text, quotes left out, and the number behind it. */
export interface PlainEntries {
  count: number;
  /** [3 * count] or longer; used again by the next call. */
  bounds: Int32Array;
}

const [QUOTE, COMMA, COLON, BACKSLASH, ZERO] = [0x22, 0x2c, 0x3a, 0x5c, 0x30];
const MAX_DIGITS = 9;
const entries: PlainEntries = { count: 0, bounds: new Int32Array(0) };

/** Reads `["…", …]`, or `{"…": 1, …}` with `numbers`; null for anything else, which may still be valid JSON. */
export function readPlain(json: string, numbers: boolean): PlainEntries | null {
  const close = json.length - 1;
  if (entries.bounds.length < json.length) entries.bounds = new Int32Array(json.length); // an entry takes 3 letters
  const { bounds } = entries;
  let count = 0;
  let at = skipSpace(json, 1);
  while (at < close) {
    if (json.charCodeAt(at) !== QUOTE) return null;
    const end = plainEnd(json, at + 1);
    if (end < 0) return null;
    bounds[3 * count] = at + 1;
    bounds[3 * count + 1] = end;
    at = skipSpace(json, end + 1);
    if (numbers) {
      if (json.charCodeAt(at) !== COLON) return null;
      const first = skipSpace(json, at + 1);
      let value = 0;
      for (at = first; isDigit(json.charCodeAt(at)); at++) value = 10 * value + json.charCodeAt(at) - ZERO;
      const digits = at - first;
      if (digits === 0 || digits > MAX_DIGITS || (digits > 1 && json.charCodeAt(first) === ZERO)) return null;
      bounds[3 * count + 2] = value;
      at = skipSpace(json, at);
    }
    count++;
    if (at === close) break;
    if (json.charCodeAt(at) !== COMMA) return null;
    at = skipSpace(json, at + 1);
    if (at === close) return null;
  }
  entries.count = count;
  return entries;
}

/** Index of the quote that ends a text without escapes and control characters, or -1. */
function plainEnd(json: string, start: number): number {
  for (let i = start; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (unit === QUOTE) return i;
    if (unit === BACKSLASH || unit < 0x20) return -1;
  }
  return -1;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= ZERO + 9;
}

function skipSpace(json: string, at: number): number {
  let i = at;
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++;
  return i;
}
