/**
 * @file Lists of texts and objects of small whole numbers, read in place.
 *
 * JSON.parse gives the same, but enters every short text into the engine's table of names, which then takes more memory
 * than all that is kept of the file.
 */

/** Entries in place of the objects that JSON.parse would make. */
export interface PlainEntries {
  count: number;
  /**
   * [4 * count] or longer: start and end of a text without its quotes, 1 where it has escapes, and the number behind it.
   * The next call reuses it.
   */
  rows: Int32Array;
}

const [QUOTE, COMMA, COLON, BACKSLASH, ZERO] = [0x22, 0x2c, 0x3a, 0x5c, 0x30];
const MAX_DIGITS = 9;
const entries: PlainEntries = { count: 0, rows: new Int32Array(0) };

/** Reads `["…", …]`, or `{"…": 1, …}` with `numbers`; null for anything else, which may still be valid JSON. */
export function readPlain(json: string, numbers: boolean): PlainEntries | null {
  const close = json.length - 1;
  // An entry has 3 letters at least.
  if (entries.rows.length < 2 * json.length) entries.rows = new Int32Array(2 * json.length);
  const { rows } = entries;
  let count = 0;
  let at = skipSpace(json, 1);
  while (at < close) {
    if (json.charCodeAt(at) !== QUOTE) return null;
    const row = 4 * count;
    const start = at + 1;
    rows[row] = start;
    rows[row + 2] = 0;
    for (at = start; json.charCodeAt(at) !== QUOTE; at++) {
      const unit = json.charCodeAt(at);
      if (unit < 0x20 || at >= close) return null;
      if (unit === BACKSLASH) {
        rows[row + 2] = 1;
        at++;
      }
    }
    rows[row + 1] = at;
    at = skipSpace(json, at + 1);
    if (numbers) {
      if (json.charCodeAt(at) !== COLON) return null;
      const first = skipSpace(json, at + 1);
      let value = 0;
      for (at = first; isDigit(json.charCodeAt(at)); at++) value = 10 * value + json.charCodeAt(at) - ZERO;
      const digits = at - first;
      if (digits === 0 || digits > MAX_DIGITS || (digits > 1 && json.charCodeAt(first) === ZERO)) return null;
      rows[row + 3] = value;
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

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= ZERO + 9;
}

function skipSpace(json: string, at: number): number {
  let i = at;
  while (json[i] === ' ' || json[i] === '\n' || json[i] === '\r' || json[i] === '\t') i++;
  return i;
}
