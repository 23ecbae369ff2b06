/** @file The start of a table of votes whose columns, or the words of whose votes, are of no known set. */
import type { BattleSource } from '@arena/data';
import { readRecords } from '@arena/data/read';
import type { TableStart } from '../protocol.js';

/** Rows that are looked at, and of them those that are shown. */
const LOOK = 200;
const SHOWN = 3;
/** Characters shown of a cell. */
const CELL = 120;
/** Most values of a column of votes, and most characters of one. */
const VALUES = 8;
const VALUE = 40;
/** A prompt, two answers: less is no table of votes. */
const LEAST = 3;

/** Whether an error says that names are missing: its text names the setting that would say them. */
export function asksForNames(error: unknown): boolean {
  return /`(columns|winnerValues)`/.test((error as Error).message);
}

/** The first rows, as text. Undefined for what has too few columns to hold votes. */
export async function tableStart(source: BattleSource, why: string): Promise<TableStart | undefined> {
  const records: Record<string, unknown>[] = [];
  let name = '';
  for await (const { record, file } of readRecords(source)) {
    name ||= file;
    if (record) records.push(record);
    if (records.length === LOOK || file !== name) break;
  }
  const columns = [...new Set(records.slice(0, SHOWN).flatMap((record) => Object.keys(record)))];
  if (columns.length < LEAST) return undefined;
  return {
    file: name,
    why,
    columns: columns.map((column) => ({ name: column, values: fewValues(records.map((record) => record[column])) })),
    rows: records.slice(0, SHOWN).map((record) => columns.map((column) => cut(record[column]))),
  };
}

/** The values of a column, if they are few and short. */
function fewValues(values: unknown[]): string[] {
  const texts = new Set(values.filter((value) => value !== null && value !== undefined && value !== '').map(textOf));
  return texts.size <= VALUES && [...texts].every((text) => text.length <= VALUE) ? [...texts].sort() : [];
}

function cut(value: unknown): string {
  const text = textOf(value);
  return text.length > CELL ? `${text.slice(0, CELL)}…` : text;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? '';
}
