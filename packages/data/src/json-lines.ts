/** @file Records of a JSON-lines text, with integers beyond 2^53 kept exact in ids. */

import { DataError } from './error.js';

/** A parsed record, or null for a line that is no JSON object. */
export type JsonRecord = Record<string, unknown> | null;

/** A line longer than this many code units is an error, not a reason to take more memory. */
const MAX_LINE = 256 * 1024 * 1024;

/** Yields one record a line; blank lines are passed over. */
export async function* readJsonLines(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<JsonRecord> {
  const decoder = new TextDecoder();
  let rest = '';
  let row = 0;
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    const last = text.lastIndexOf('\n');
    if (last < 0) {
      rest += text;
      if (rest.length > MAX_LINE)
        throw new DataError(`a line of more than ${MAX_LINE} characters; is this JSON lines?`, { file, row });
      continue;
    }
    const lines = (rest + text.slice(0, last)).split('\n');
    rest = text.slice(last + 1);
    for (const line of lines) {
      if (line.trim() === '') continue;
      yield parseRecord(line);
      row++;
    }
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield parseRecord(rest);
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

/** The number as written behind a key of the outermost object of a valid JSON text; the last one if the key repeats. */
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

/** Index behind the closing quote of the string that opens at `at`. */
function stringEnd(json: string, at: number): number {
  let end = at + 1;
  while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
  return end + 1;
}
