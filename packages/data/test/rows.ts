import type { BattleSource, ReadOptions } from '@arena/data';
import { type ReadRow, readRows } from '@arena/data/read';

/** All rows of a source. */
export async function rowsOf(source: BattleSource, options?: ReadOptions): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const row of readRows(source, options)) rows.push(row);
  return rows;
}

/** All rows of records, as JSON lines. */
export function rowsOfRecords(records: object[], options?: ReadOptions): Promise<ReadRow[]> {
  return rowsOf(new Blob(records.map((record) => `${JSON.stringify(record)}\n`)), options);
}
