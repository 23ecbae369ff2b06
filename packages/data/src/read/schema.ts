/** @file The column layouts of public data sets, and their detection. */

import { DataError } from '../error.js';
import { isPythonList } from './turns.js';

/**
 * Column layouts. `wsdm` and `jsonl`: plain texts. `lmsys`, `arena55k`: JSON arrays in strings, one-hot winner.
 * `arena100k`, `arena140k`, `chatbot33k`, `mt_bench`, `messages`: conversations of both sides. `preference`: chosen and
 * rejected, as texts, transcripts or messages. `ranked`: a list of answers with ranks or scores.
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
  'messages',
  'preference',
  'ranked',
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
  'score_a',
  'score_b',
  'messages_a',
  'messages_b',
  'chosen',
  'rejected',
  'chosen_model',
  'rejected_model',
  'messages',
  'conversations',
  'question',
  'instruction',
  'input',
  'system',
  'responses',
  'answers',
  'completions',
  'candidates',
  'scores',
  'rewards',
  'ranks',
  'ranking',
  'rank',
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
    if (!holdLists(records)) return format === 'jsonl' ? 'jsonl' : 'wsdm';
    return format === 'parquet' ? 'arena55k' : 'lmsys';
  }
  if (has('messages_a', 'messages_b')) return 'messages';
  if (has('chosen', 'rejected')) return 'preference';
  if (LISTS.some((name) => has(name)) && (WORTHS.some((name) => has(name)) || records.some(holdsWorth)))
    return 'ranked';
  throw new DataError(
    'schema',
    `columns ${columns.slice(0, 20).join(', ') || '(none)'} are of no known schema; prompt, response_a and response_b, or conversation_a and conversation_b, or chosen and rejected are expected. Say how yours are named: \`columns\` response_a=NAME,...`,
    { file },
  );
}

/** Columns of answers, and of their worth, that make a `ranked` set. */
const LISTS = ['responses', 'answers', 'completions', 'candidates'];
const WORTHS = ['scores', 'rewards', 'ranks', 'ranking', 'rank'];

/** True when the answers of a record are objects with a rank or score of their own. */
function holdsWorth(record: Record<string, unknown> | null): boolean {
  const list = LISTS.map((name) => record?.[name]).find((value) => value !== undefined);
  const text =
    typeof list === 'string'
      ? list
      : JSON.stringify(list ?? null, (_, value) => (typeof value === 'bigint' ? Number(value) : value));
  return /"(rank|score|overall_score|reward)"\s*:/.test(text);
}

/**
 * Whether the texts of these records are strings that hold lists, in JSON or as Python prints them (Python's are refused
 * row by row, in words): most of them, since an answer may be a list by itself.
 */
function holdLists(records: (Record<string, unknown> | null)[]): boolean {
  const texts = records.flatMap((record) => (record ? [record.prompt, record.response_a, record.response_b] : []));
  return 2 * texts.filter(isTextArray).length > texts.length;
}

function isTextArray(value: unknown): boolean {
  if (typeof value !== 'string' || !value.trimStart().startsWith('[')) return false;
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every((item) => item === null || typeof item === 'string');
  } catch {
    return isPythonList(value);
  }
}
