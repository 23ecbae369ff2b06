/** @file Records of a CSV text, by the csv-parse library. */

import { DataError } from '../error.js';

/** Largest record in characters; without it a wrong quote would read the rest of the file as one record. */
const MAX_RECORD = 256 * 1024 * 1024;

/** The part of csv-parse's parser that both its builds share. */
interface CsvParser {
  on(event: 'data', listener: (record: string[]) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
  write(text: string, done: () => void): void;
  end(): void;
}

/**
 * Yields records by the names in the header line, one chunk at a time. Skips blank lines; missing fields are absent.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Record<string, unknown>[]> {
  const parser = await openParser();
  const decoder = new TextDecoder(); // removes a byte order mark
  let header: string[] | null = null;
  let row = 0;
  let records: string[][] = [];
  let failure: Error | null = null;
  let closed = () => {};
  const end = new Promise<void>((resolve) => {
    closed = resolve;
  });
  parser.on('data', (record) => records.push(record));
  parser.on('end', closed);
  parser.on('error', (error) => {
    failure = error;
    closed();
  });

  /** Yields the parsed records, then throws a failure that followed them. */
  function* take(): Generator<Record<string, unknown>[]> {
    if (!header) header = records.shift() ?? null;
    const names = header ?? [];
    const ready = records.map((fields) =>
      Object.fromEntries(fields.slice(0, names.length).map((field, i) => [names[i], field])),
    );
    records = [];
    if (ready.length > 0) yield ready;
    row += ready.length;
    if (failure) throw new DataError('format', `not valid CSV: ${failure.message}`, { file, row }, { cause: failure });
  }

  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== '') await Promise.race([new Promise<void>((resolve) => parser.write(text, resolve)), end]);
    yield* take();
  }
  parser.end();
  await end;
  yield* take();
}

async function openParser(): Promise<CsvParser> {
  const options = { relax_column_count: true, skip_empty_lines: true, max_record_size: MAX_RECORD };
  // One library, two builds: package.json maps Node to Node's build and browsers to the one with its own streams.
  const { parse } = await import('#csv-parse');
  return parse(options) as unknown as CsvParser;
}
