/** @file Records of a JSON-lines text, with exact ids beyond 2^53. */

import { joined } from '@arena/files/source';
import { DataError } from '../error.js';

/** A parsed record, or null for a line that is not a JSON object. */
export type JsonRecord = Record<string, unknown> | null;

/** A line longer than this many bytes is an error, not a reason to take more memory. */
const MAX_LINE = 256 * 1024 * 1024;
const NEWLINE = 0x0a;
const FIRST_LINE = new TextDecoder(); // removes a byte order mark
const OTHER_LINE = new TextDecoder('utf-8', { ignoreBOM: true });

/** Yields one record a line, one chunk at a time. Skips blank lines. */
export async function* readJsonLines(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<JsonRecord[]> {
  let rest: Uint8Array[] = []; // the incomplete last line
  let waiting = 0;
  let row = 0;
  let isFirst = true;
  const parse = (bytes: Uint8Array): JsonRecord[] => {
    const records: JsonRecord[] = [];
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline < 0 ? bytes.length : newline;
      // A line holds whole characters. Alone it is mostly ASCII, which decodes in half the time and memory.
      const line = (isFirst ? FIRST_LINE : OTHER_LINE).decode(bytes.subarray(at, end));
      isFirst = false;
      if (!isBlankLine(line)) records.push(parseRecord(line));
      at = end + 1;
    }
    row += records.length;
    return records;
  };
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield parse(rest.length > 0 ? joined([...rest, chunk.subarray(0, end)]) : chunk.subarray(0, end));
      rest = [];
      waiting = 0;
    }
    if (end === chunk.length) continue;
    rest.push(chunk.subarray(end));
    waiting += chunk.length - end;
    if (waiting > MAX_LINE)
      throw new DataError('format', `a line of more than ${MAX_LINE} bytes; is this JSON lines?`, { file, row });
  }
  if (waiting > 0) yield parse(joined(rest));
}

function isBlankLine(line: string): boolean {
  return line.charCodeAt(0) !== 0x7b && line.trim() === '';
}

function parseRecord(line: string): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const record = value as Record<string, unknown>;
  for (const key of ['id', 'question_id']) {
    if (typeof record[key] === 'number' && !Number.isSafeInteger(record[key]))
      record[key] = numberText(line, key) ?? record[key];
  }
  return record;
}

/** The number as written after a key of the outermost object of a valid JSON text; the last one if the key repeats. */
function numberText(json: string, key: string): string | undefined {
  let found: string | undefined;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === '"') {
      const end = stringEnd(json, at);
      const value = /\s*:\s*(-?\d+)(?![\d.eE])/y;
      value.lastIndex = end;
      const match = depth === 1 ? value.exec(json) : null;
      if (match && JSON.parse(json.slice(at, end)) === key) found = match[1];
      at = end - 1;
    }
  }
  return found;
}

/** Index after the closing quote of the string that opens at `at`. */
function stringEnd(json: string, at: number): number {
  let end = at + 1;
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
  return end + 1;
}
