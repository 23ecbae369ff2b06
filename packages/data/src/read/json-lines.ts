/** @file Records of a JSON-lines file. */

import { joined } from '@arena/files/source';
import { decodeUtf8, type JsonRecord, jsonRecord, keyAt, type RecordOptions } from '@arena/files/text';
import { DataError } from '../error.js';

/** A line longer than this many bytes is an error, not a reason to take more memory and time: no battle is a hundredth of it. */
const MAX_LINE = 16 * 1024 * 1024;
const NEWLINE = 0x0a;
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Yields one record a line (null: no JSON object), one chunk at a time. Skips blank lines.
 * @throws DataError with the row, for a key that stands twice in an object, and for bytes that are not UTF-8.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
  options: RecordOptions,
): AsyncGenerator<JsonRecord[]> {
  let rest: Uint8Array[] = []; // the incomplete last line
  let waiting = 0;
  let row = 0;
  let isFirst = true;

  function lineOf(bytes: Uint8Array): string {
    if (!isFirst) {
      try {
        return STRICT.decode(bytes); // a line holds whole characters
      } catch {
        // said below, with its place
      }
    }
    isFirst = false;
    const { text, bad } = decodeUtf8(bytes);
    if (bad !== undefined) throw new DataError('format', bad, { file, row, column: keyAt(text) });
    return text;
  }

  /** The record of a line, or those of a text whose lines end with CR alone, as old Macs wrote them. */
  function* recordsOf(line: string): Generator<JsonRecord> {
    const fail = (reason: string) => new DataError('format', reason, { file, row });
    const record = jsonRecord(line, options, fail);
    const lines = record ? [] : line.split('\r').filter((one) => !isBlankLine(one));
    if (lines.length < 2) yield record;
    else for (const one of lines) yield jsonRecord(one, options, fail);
  }

  /** Records of whole lines, and the failure that ended them. */
  function parse(bytes: Uint8Array): { records: JsonRecord[]; failure?: unknown } {
    const records: JsonRecord[] = [];
    try {
      for (let at = 0; at < bytes.length; ) {
        const newline = bytes.indexOf(NEWLINE, at);
        const end = newline < 0 ? bytes.length : newline;
        const line = lineOf(bytes.subarray(at, end));
        if (!isBlankLine(line)) {
          for (const one of recordsOf(line)) {
            records.push(one);
            row++;
          }
        }
        at = end + 1;
      }
    } catch (failure) {
      return { records, failure };
    }
    return { records };
  }

  function* step(bytes: Uint8Array): Generator<JsonRecord[]> {
    const { records, failure } = parse(bytes);
    if (records.length > 0) yield records;
    if (failure) throw failure;
  }

  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end > 0) {
      yield* step(rest.length > 0 ? joined([...rest, chunk.subarray(0, end)]) : chunk.subarray(0, end));
      rest = [];
      waiting = 0;
    }
    if (end === chunk.length) continue;
    rest.push(chunk.subarray(end));
    waiting += chunk.length - end;
    if (waiting > MAX_LINE)
      throw new DataError('format', `a line of more than ${MAX_LINE} bytes; is this JSON lines?`, { file, row });
  }
  if (waiting > 0) yield* step(joined(rest));
}

function isBlankLine(line: string): boolean {
  return line.charCodeAt(0) !== 0x7b && line.trim() === '';
}
