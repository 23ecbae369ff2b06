/** @file The column layouts of public data sets, and their detection. */

import { DataError } from '../error.js';

/**
 * Column layouts. `wsdm` and `jsonl`: plain texts. `lmsys`, `arena55k`: JSON arrays in strings, one-hot winner.
 * `arena100k`, `arena140k`, `chatbot33k`, `mt_bench`: conversations of both sides.
 */
export const SCHEMAS = [
  'wsdm',
  'lmsys',
  'arena55k',
  'arena100k',
  'arena140k',
  'chatbot33k',
  'mt_bench',
  'jsonl',
] as const;

/** Name of a column layout. */
export type Schema = (typeof SCHEMAS)[number];

/** File formats. */
export type Format = 'parquet' | 'csv' | 'jsonl';

/** Columns that any schema reads. Others are not loaded. */
export const COLUMNS = [
  'id',
  'question_id',
  'prompt',
  'response_a',
  'response_b',
  'conversation_a',
  'conversation_b',
  'winner',
  'winner_model_a',
  'winner_model_b',
  'winner_tie',
  'model_a',
  'model_b',
  'language',
  'category',
  'judge',
  'turn',
  'evaluation_session_id',
  'session',
  'weight',
  'soft_label',
  'teacher_logits',
] as const;

/** Name of a column that a schema reads. */
export type Column = (typeof COLUMNS)[number];

/**
 * Detects the schema from the column names and, where those are ambiguous, from the first records.
 *
 * @param columns all column names of the file
 * @param records the first records (null: a line that is not JSON)
 * @throws DataError when no known schema has these columns
 */
export function detectSchema(
  columns: string[],
  records: (Record<string, unknown> | null)[],
  format: Format,
  file: string,
): Schema {
  const has = (...names: string[]) => names.every((name) => columns.includes(name));
  if (has('conversation_a', 'conversation_b')) {
    if (has('evaluation_session_id')) return 'arena140k';
    if (!has('judge')) return 'arena100k';
    return has('anony') || has('tstamp') || has('language') ? 'chatbot33k' : 'mt_bench';
  }
  if (has('prompt', 'response_a', 'response_b')) {
    const lists = format === 'parquet' ? 'arena55k' : 'lmsys';
    if (has('winner_tie') || records.some(holdsArrays)) return lists;
    return format === 'jsonl' ? 'jsonl' : 'wsdm';
  }
  throw new DataError(
    'schema',
    `columns ${columns.slice(0, 20).join(', ') || '(none)'} are of no known schema; prompt, response_a and response_b, or conversation_a and conversation_b are expected. Rename yours (or, in code, say how they are named: \`columns\`)`,
    { file },
  );
}

/**
 * True when prompt and both responses are strings that hold JSON arrays of texts: the only hint in a set without
 * labels.
 */
function holdsArrays(record: Record<string, unknown> | null): boolean {
  return record !== null && ['prompt', 'response_a', 'response_b'].every((name) => isTextArray(record[name]));
}

function isTextArray(value: unknown): boolean {
  if (typeof value !== 'string' || !value.trimStart().startsWith('[')) return false;
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((item) => item === null || typeof item === 'string');
  } catch {
    return false;
  }
}
