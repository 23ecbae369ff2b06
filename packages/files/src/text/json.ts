/**
 * @file JSON as data files have it: each key once, ids exact, and Python's NaN and Infinity, which `JSON.parse` refuses.
 */

/** An object of a line. Null: the line is not a JSON object. */
export type JsonRecord = Record<string, unknown> | null;

/** What matters in the objects of lines. */
export interface RecordOptions {
  /** Keys whose numbers stay as they are written where a double would change them: beyond 2^53, and fractions. */
  exact: ReadonlySet<string>;
  /** A key that stands twice in an object: an error (default), or the last counts. */
  repeatedKeys?: 'refuse' | 'last';
}

/**
 * The object that a line holds. NaN is null.
 * @throws what `fail` makes, for a key that stands twice in one object.
 */
export function jsonRecord(
  line: string,
  { exact, repeatedKeys = 'refuse' }: RecordOptions,
  fail: (reason: string) => Error,
): JsonRecord {
  let text = line;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const strict = withoutNaN(text);
    if (strict === undefined) return null;
    try {
      value = JSON.parse(strict);
    } catch {
      return null;
    }
    text = strict;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const record = value as Record<string, unknown>;
  const walk = walkKeys(text);
  if (walk.twice !== undefined && repeatedKeys === 'refuse')
    throw fail(`the key ${JSON.stringify(walk.twice)} stands twice in one object; keep one`);
  for (const key of exact) {
    if (typeof record[key] !== 'number' || Number.isSafeInteger(record[key])) continue;
    const start = walk.values.get(key);
    const number = start === undefined ? null : numberAt(text, start);
    if (number) record[key] = number;
  }
  return record;
}

/**
 * The value of a JSON text as Python writes it: NaN is null, Infinity is a number.
 * @throws SyntaxError when it is not JSON.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const strict = withoutNaN(text);
    if (strict === undefined) throw error;
    return JSON.parse(strict);
  }
}

/** The key of the outermost object whose value is being written at the end of this begun JSON text. */
export function keyAt(begun: string): string | undefined {
  return walkKeys(begun).last;
}

interface Keys {
  /** The first key that an object has twice. */
  twice?: string;
  /** Where the values of the outermost object begin. */
  values: Map<string, number>;
  /** The last key of the outermost object. */
  last?: string;
}

/** Walks a JSON text from string to string. It is valid, or cut off. */
function walkKeys(text: string): Keys {
  const found: Keys = { values: new Map() };
  const open: (Set<string> | null)[] = []; // the keys of an object, null for a list
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x7b) open.push(new Set());
    else if (code === 0x5b) open.push(null);
    else if (code === 0x7d || code === 0x5d) open.pop();
    else if (code === 0x22) {
      const end = stringEnd(text, at);
      const keys = open.at(-1);
      let next = end;
      while (isSpace(text.charCodeAt(next))) next++;
      if (keys && text.charCodeAt(next) === 0x3a) {
        const raw = text.slice(at + 1, end - 1);
        const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
        if (keys.has(key)) found.twice ??= key;
        keys.add(key);
        if (open.length === 1) {
          found.values.set(key, next + 1);
          found.last = key;
        }
      }
      at = end - 1;
    }
  }
  return found;
}

/** Index after the closing quote of the string that opens at `at`, or the end of a text that is cut off. */
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let back = end;
    while (text.charCodeAt(back - 1) === 0x5c) back--;
    if ((end - back) % 2 === 0) return end + 1;
  }
  return text.length;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** The number that is written at or after `start`. */
function numberAt(text: string, start: number): string | undefined {
  const number = /\s*(-?\d[\d.eE+-]*)/y;
  number.lastIndex = start;
  return number.exec(text)?.[1];
}

/** The text with null for NaN and a number for Infinity, outside of strings. Undefined when it has neither. */
function withoutNaN(text: string): string | undefined {
  if (!/NaN|Infinity/.test(text)) return undefined;
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    parts.push(
      text
        .slice(at, end)
        .replace(/\bNaN\b/g, 'null')
        .replace(/\bInfinity\b/g, '1e999'),
    );
    at = quote < 0 ? end : stringEnd(text, quote);
    parts.push(text.slice(end, at));
  }
  return parts.join('');
}
