/** @file Reads battles from any public preference set: detects format and schema from the content. */

import type { RecordOptions } from '@arena/files/text';
import type { Battle } from '../battle.js';
import { textKeys } from '../duplicates.js';
import { DataError } from '../error.js';
import { type Content, contentOf, formatOf } from './content.js';
import { readCsv } from './csv.js';
import { ID_COLUMNS, idMaker } from './ids.js';
import { readJsonLines } from './json-lines.js';
import { type Layout, normalizeRow } from './normalize-row.js';
import { openParquet } from './parquet.js';
import type { Rejection } from './rejected.js';
import { COLUMNS, type Column, detectSchema, type Format, type Schema } from './schema.js';
import { type BattleSource, openSources } from './source.js';
import type { NonText } from './turns.js';
import type { WinnerValues } from './vote.js';

/** How to read. */
export interface ReadOptions {
  /** Column layout; detected when absent. */
  schema?: Schema;
  /** File format; detected when absent. */
  format?: Format;
  /** Your names for the columns, for instance `{ response_a: 'answer_1' }`. */
  columns?: Partial<Record<Column, string>>;
  /** The values that stand for A, B and a tie in the column `winner`, for instance `{ a: '1', b: '0' }`. */
  winnerValues?: WinnerValues;
  /** Only the spellings of the public sets are votes; others, and empty cells, are rejected. Default false. */
  strictVotes?: boolean;
  /** A key that stands twice in an object of JSON: an error (default), or the last counts, as in Python's json. */
  repeatedKeys?: 'refuse' | 'last';
  /** Messages with images or tool calls: rejected (default), or reduced to their text. */
  nonText?: NonText;
  /** 'skip' skips records that are not battles (default), 'throw' stops at the first. */
  onReject?: 'skip' | 'throw';
  /** Called with each rejected record. */
  reject?: (rejected: RejectedRow) => void;
  /** Called with each file of a folder whose columns are of no known schema. It is passed by. */
  passedBy?: (file: string, reason: string) => void;
  signal?: AbortSignal;
}

/** A record that is not a battle. */
export interface RejectedRow extends Rejection {
  file: string;
  /** Index of the record from 0, over all files of the read. */
  row: number;
}

/** A row of `readRows`, in file order: a battle or a rejected record. Ranked answers make several battles of a record. */
export type ReadRow = { battle: Battle; rejected?: undefined } | { battle?: undefined; rejected: RejectedRow };

type Row = Record<string, unknown>;
/** Records in chunks: an async step for each would cost more than reading it. */
type Records = AsyncIterable<(Row | null)[]>;

/** Records used to detect the schema. */
const PEEK = 20;

/**
 * Reads battles in file order, with flags and duplicates marked. Memory: a Parquet row group, or a chunk of text.
 *
 * @throws DataError with file, row and column for input that cannot be read
 * @example
 * for await (const battle of readBattles('train.parquet')) console.log(battle.prompt, battle.winner);
 */
export async function* readBattles(source: BattleSource, options: ReadOptions = {}): AsyncGenerator<Battle> {
  const { onReject = 'skip', reject } = options;
  for await (const { battle, rejected } of readRows(source, options)) {
    if (battle) yield battle;
    else if (onReject === 'throw') {
      throw new DataError(
        'row',
        `no battle: ${rejected.reason}, ${rejected.detail} (onReject: 'skip' skips it)`,
        rejected,
      );
    } else reject?.(rejected);
  }
}

/** Reads every record: a battle, or a rejected row with its reason. */
export async function* readRows(source: BattleSource, options: ReadOptions = {}): AsyncGenerator<ReadRow> {
  const markDuplicates = duplicateMarker();
  const ids = idMaker();
  let row = 0;
  let foreign: DataError | undefined;
  let opened = 0;
  for await (const file of openSources(source)) {
    try {
      const { records, layout, idColumn } = await openRecords(await contentOf(file), options);
      opened++;
      const idOf = ids.of(file.name, idColumn);
      for await (const some of records) {
        for (const record of some) {
          options.signal?.throwIfAborted();
          const read = normalizeRow(record, layout, row, idOf);
          if (!Array.isArray(read)) yield { rejected: { file: file.name, row, ...read } };
          else
            for (const battle of read) {
              markDuplicates(battle);
              yield { battle };
            }
          row++;
        }
      }
    } catch (error) {
      const isForeign = file.folder !== undefined && error instanceof DataError && error.code === 'schema';
      if (!isForeign) throw error;
      foreign ??= error;
      options.passedBy?.(file.name, error.message);
    } finally {
      await file.close?.();
    }
  }
  if (foreign && opened === 0) throw foreign;
}

/** Sets `duplicateOf` and `swappedDuplicateOf` of each battle in turn; keeps hashes, not texts. */
function duplicateMarker(): (battle: Battle) => void {
  const seen = new Map<string, number>();
  return (battle) => {
    const keys = textKeys(battle);
    const same = seen.get(keys.same);
    if (same !== undefined) {
      battle.duplicateOf = same;
      return;
    }
    const swapped = seen.get(keys.swapped);
    if (swapped !== undefined) battle.swappedDuplicateOf = swapped;
    seen.set(keys.same, battle.row);
  };
}

interface Opened {
  records: Records;
  layout: Layout;
  /** The column whose values are ids. Undefined where the file has none. */
  idColumn?: string;
}

async function openRecords(content: Content, options: ReadOptions): Promise<Opened> {
  const file = content.name;
  const { nonText, winnerValues, strictVotes, repeatedKeys } = options;
  const { names, exact } = columnNames(options.columns ?? {}, file);
  const format = formatOf(content, options.format);
  const opened = await tableOf(content, format, { exact, repeatedKeys }, (name) =>
    (COLUMNS as readonly string[]).includes(names.get(name) ?? name),
  );
  const all = opened.columns && renamedColumns(opened.columns, names, file);
  return withFirst(renamed(opened.records, names, file), (first) => {
    if (!all && !options.schema && first.length === 0)
      throw new DataError('format', 'the file has no records', { file });
    if (format === 'jsonl' && !options.schema && first.length > 0 && first.every((record) => record === null)) {
      const reason = 'no line is a JSON object; JSON over several lines has to be written one object a line';
      throw new DataError('schema', reason, { file });
    }
    const columns = all ?? [...new Set(first.flatMap((record) => Object.keys(record ?? {})))];
    const schema = options.schema ?? detectSchema(columns, first, format, file);
    const layout = { schema, voting: { values: winnerValues, strict: strictVotes }, nonText };
    return { layout, idColumn: ID_COLUMNS.find((name) => columns.includes(name)) };
  });
}

/** The records of a file, in any format. */
async function tableOf(
  content: Content,
  format: Format,
  options: RecordOptions,
  isWanted: (column: string) => boolean,
): Promise<{ records: AsyncGenerator<(Row | null)[]>; columns?: string[] }> {
  const { name } = content;
  if (format === 'csv') return { records: readCsv(content.parts(), name) };
  if (format === 'jsonl') return { records: readJsonLines(content.parts(), name, options) };
  const { columns, records } = await openParquet(await content.ranges());
  return { columns, records: records(columns.filter(isWanted), options.exact) };
}

/** A record of any table, with its place. Null: a line that is not JSON. */
export interface TableRow {
  record: Record<string, unknown> | null;
  file: string;
  /** Index of the record from 0, in its file. */
  row: number;
  format: Format;
}

/**
 * Reads the records of tables of any columns, in CSV, JSON lines or Parquet, also packed: for predictions, say.
 * @param exact Columns whose numbers stay as they are written, such as ids: beyond 2^53 a double would change them.
 * @throws DataError as `readBattles` does.
 */
export async function* readRecords(source: BattleSource, exact: readonly string[] = []): AsyncGenerator<TableRow> {
  for await (const file of openSources(source)) {
    try {
      const content = await contentOf(file);
      const format = formatOf(content);
      const { records } = await tableOf(content, format, { exact: new Set(exact) }, () => true);
      let row = 0;
      for await (const some of records)
        for (const record of some) yield { record, file: file.name, row: row++, format };
    } finally {
      await file.close?.();
    }
  }
}

/** The caller's names to the schema's, and those of columns whose numbers have to stay exact. */
function columnNames(
  columns: Partial<Record<Column, string>>,
  file: string,
): { names: Map<string, string>; exact: ReadonlySet<string> } {
  const names = new Map<string, string>();
  for (const [column, name] of Object.entries(columns)) {
    const other = names.get(name);
    if (other) {
      throw new DataError('argument', `\`columns\` reads ${JSON.stringify(name)} both as ${other} and as ${column}`, {
        file,
      });
    }
    names.set(name, column);
  }
  return { names, exact: new Set(EXACT_COLUMNS.map((column) => columns[column] ?? column)) };
}

/** Columns whose numbers name something. */
const EXACT_COLUMNS = [...ID_COLUMNS, 'evaluation_session_id', 'session'] as const;

/** The schema's names of columns. @throws DataError for one that is there under both names. */
function renamedColumns(columns: readonly string[], names: ReadonlyMap<string, string>, file: string): string[] {
  for (const [name, column] of names) {
    if (name === column || names.has(column) || !columns.includes(name) || !columns.includes(column)) continue;
    throw new DataError(
      'schema',
      `the column ${JSON.stringify(name)} is to be read as ${column}, but the file has a column ${JSON.stringify(column)}, too; rename or remove one`,
      { file },
    );
  }
  return columns.map((name) => names.get(name) ?? name);
}

/** Renames the caller's columns to the schema's. */
async function* renamed(
  records: AsyncGenerator<(Row | null)[]>,
  names: ReadonlyMap<string, string>,
  file: string,
): AsyncGenerator<(Row | null)[]> {
  const rename = (record: Row | null) => {
    if (!record) return record;
    const columns = renamedColumns(Object.keys(record), names, file);
    return Object.fromEntries(Object.values(record).map((value, i) => [columns[i], value]));
  };
  for await (const some of records) yield names.size === 0 ? some : some.map(rename);
}

/** Records, and what the first ones say. Closes the file on failure or when the reader stops early. */
async function withFirst<T>(
  records: AsyncGenerator<(Row | null)[]>,
  say: (first: (Row | null)[]) => T,
): Promise<T & { records: Records }> {
  const taken: (Row | null)[][] = [];
  async function* all() {
    try {
      for (let some = taken.shift(); some; some = taken.shift()) yield some;
      yield* records;
    } finally {
      await records.return(undefined);
    }
  }
  try {
    for (let count = 0; count < PEEK; ) {
      const { done, value } = await records.next();
      if (done) break;
      taken.push(value);
      count += value.length;
    }
    return { ...say(taken.flat().slice(0, PEEK)), records: all() };
  } catch (error) {
    await records.return(undefined);
    throw error;
  }
}
