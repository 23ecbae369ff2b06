/** @file Reads battles from any public preference set: detects format and schema from the content. */

import { type ByteSource, blobSource } from '@arena/files';
import { partsOf, readStream } from '@arena/files/source';
import type { Battle } from '../battle.js';
import { textKeys } from '../duplicates.js';
import { DataError } from '../error.js';
import { readCsv } from './csv.js';
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
  /** Messages with images or tool calls: rejected (default), or reduced to their text. */
  nonText?: NonText;
  /** 'skip' skips records that are not battles (default), 'throw' stops at the first. */
  onReject?: 'skip' | 'throw';
  /** Called with each rejected record. */
  reject?: (rejected: RejectedRow) => void;
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
  let row = 0;
  for await (const file of openSources(source)) {
    try {
      const { records, layout } = await openRecords(await contentOf(file), options);
      for await (const some of records) {
        for (const record of some) {
          options.signal?.throwIfAborted();
          const read = normalizeRow(record, layout, row);
          if (!Array.isArray(read)) yield { rejected: { file: file.name, row, ...read } };
          else
            for (const battle of read) {
              markDuplicates(battle);
              yield { battle };
            }
          row++;
        }
      }
    } finally {
      await file.close?.();
    }
  }
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

async function openRecords(content: Content, options: ReadOptions): Promise<{ records: Records; layout: Layout }> {
  const format = options.format ?? detectFormat(content);
  const names = new Map(Object.entries(options.columns ?? {}).map(([column, name]) => [name, column]));
  const file = content.name;
  if (format === 'parquet') {
    const parquet = await openParquet(await content.ranges());
    const wanted = parquet.columns.filter((name) => (COLUMNS as readonly string[]).includes(names.get(name) ?? name));
    const columns = parquet.columns.map((name) => names.get(name) ?? name);
    return withLayout(renamed(parquet.records(wanted), names), options, (first) =>
      detectSchema(columns, first, format, file),
    );
  }
  const lines = format === 'csv' ? readCsv(content.parts(), file) : readJsonLines(content.parts(), file);
  return withLayout(renamed(lines, names), options, (first) => {
    if (first.length === 0) throw new DataError('format', 'the file has no records', { file });
    const columns = [...new Set(first.flatMap((record) => Object.keys(record ?? {})))];
    return detectSchema(columns, first, format, file);
  });
}

/** Renames the caller's columns to the schema's. */
async function* renamed(records: Records, names: Map<string, string>): AsyncGenerator<(Row | null)[]> {
  const rename = (record: Row | null) =>
    record && Object.fromEntries(Object.entries(record).map(([name, value]) => [names.get(name) ?? name, value]));
  for await (const some of records) yield names.size === 0 ? some : some.map(rename);
}

/** Records, and the layout of the first ones. Closes the file on failure or when the reader stops early. */
async function withLayout(
  records: AsyncGenerator<(Row | null)[]>,
  { schema, nonText, winnerValues, strictVotes }: ReadOptions,
  schemaOf: (first: (Row | null)[]) => Schema,
): Promise<{ records: Records; layout: Layout }> {
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
    const first = taken.flat().slice(0, PEEK);
    const voting = { values: winnerValues, strict: strictVotes };
    const layout = { schema: schema ?? schemaOf(first), voting, nonText };
    return { layout, records: all() };
  } catch (error) {
    await records.return(undefined);
    throw error;
  }
}

/** A file as the formats read it, with gzip decompressed. */
interface Content {
  name: string;
  /** Its first bytes. */
  head: Uint8Array;
  parts(): AsyncIterable<Uint8Array>;
  /** For Parquet, which reads ranges. The content of a gzip is then held whole. */
  ranges(): Promise<ByteSource>;
}

/** Bytes of a head. */
const HEAD_BYTES = 4096;

async function contentOf(file: ByteSource): Promise<Content> {
  const { name } = file;
  const head = await file.read(0, Math.min(HEAD_BYTES, file.size));
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    return { name, head, parts: () => partsOf(file), ranges: async () => file };
  }
  const parts = () => inflate(file);
  return {
    name,
    head: await firstBytes(parts(), HEAD_BYTES),
    parts,
    async ranges() {
      const all: Uint8Array<ArrayBuffer>[] = [];
      for await (const part of parts()) all.push(part as Uint8Array<ArrayBuffer>);
      return blobSource(new Blob(all), name);
    },
  };
}

function detectFormat({ name: file, head }: Content): Format {
  const start = new TextDecoder().decode(head);
  if (start.startsWith('PAR1')) return 'parquet';
  if (start.startsWith('PK\u0003\u0004')) throw new DataError('format', 'a zip archive; unzip it first', { file });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: many of them tell data from text; a text may hold one
  const controls = start.match(/[\0-\x08\x0e-\x1a]/g)?.length ?? 0;
  if (controls > start.length / 100) {
    throw new DataError('format', 'neither text nor Parquet, which begins with PAR1; is the file damaged?', { file });
  }
  const text = start.trimStart();
  if (text === '') throw new DataError('format', 'the file is empty', { file });
  if (text.startsWith('[')) {
    throw new DataError('format', 'one JSON array; write it as JSON lines (one object a line)', { file });
  }
  return text.startsWith('{') ? 'jsonl' : 'csv';
}

async function* inflate(source: ByteSource): AsyncGenerator<Uint8Array> {
  const chunks = partsOf(source);
  const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
  try {
    yield* readStream(compressed.pipeThrough(new DecompressionStream('gzip')));
  } catch (cause) {
    throw new DataError(
      'format',
      `not valid gzip (${(cause as Error).message}); is the download complete?`,
      { file: source.name },
      { cause },
    );
  }
}

async function firstBytes(chunks: AsyncIterable<Uint8Array>, count: number): Promise<Uint8Array> {
  const head = new Uint8Array(count);
  let length = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, count - length);
    head.set(part, length);
    length += part.length;
    if (length === count) break;
  }
  return head.subarray(0, length);
}
