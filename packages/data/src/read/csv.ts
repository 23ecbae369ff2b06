/** @file Records of a CSV file. */

import { csvTable, utf8Stream } from '@arena/files/text';
import { DataError } from '../error.js';

/**
 * Yields records by the names in the header, one chunk at a time.
 * @throws DataError with the row, for a row with another number of cells than the header, a wrong quote, or bytes that
 * are not UTF-8.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Record<string, unknown>[]> {
  const fail = (reason: string, place: { row?: number; column?: string }) =>
    new DataError('format', reason, { file, ...place });
  const table = csvTable(fail);
  const decoder = utf8Stream();

  /** Reads on, and yields the records before a failure. */
  function* step(bytes?: Uint8Array): Generator<Record<string, unknown>[]> {
    let failure: unknown;
    try {
      const { text, bad } = bytes ? decoder.push(bytes) : decoder.end();
      if (text !== '') table.push(text);
      if (bad !== undefined) throw fail(bad, table.place());
      if (!bytes) table.end();
    } catch (error) {
      failure = error;
    }
    const ready = table.take();
    if (ready.length > 0) yield ready;
    if (failure) throw failure;
  }

  for await (const chunk of chunks) yield* step(chunk);
  yield* step();
}
