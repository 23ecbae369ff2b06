/** @file Reads predictions that other tools wrote: CSV or JSON lines, with a map of their columns. */
import { csvTable, idText, jsonRecord } from '@arena/files/text';
import type { Prediction } from './battle.js';
import { EvaluationInputError } from './error.js';
import { sigmoid } from './special.js';

/** Which columns hold what. Give one of probabilityA, classes, rewards. */
export interface PredictionColumns {
  id: string;
  /** P(A wins). */
  probabilityA?: string;
  /** P(A wins) shown as B, A. */
  probabilityASwapped?: string;
  /** P(A wins), P(B wins), P(tie): a tie counts half for each. */
  classes?: readonly [a: string, b: string, tie: string];
  /** Scalar rewards of A and of B: P(A) = sigmoid(reward A - reward B). */
  rewards?: readonly [a: string, b: string];
}

const DEFAULT_COLUMNS: PredictionColumns = {
  id: 'id',
  probabilityA: 'probabilityA',
  probabilityASwapped: 'probabilityASwapped',
};

/** Records that are read already, with their numbers for messages. Null: a line that is no object. */
type Records = Iterable<{ row: number; values: Record<string, unknown> | null }>;

/**
 * Predictions from the text of a file, or from its records. In CSV the first line names the columns.
 * @throws EvaluationInputError naming the row: not JSON, a column missing or there twice, no id, not a number, classes
 * that are no probabilities, quotes left open.
 * @example
 * const predictions = parsePredictions(csv, 'csv', { id: 'question', rewards: ['chosen', 'rejected'] });
 */
export function parsePredictions(content: string, format: 'csv' | 'jsonl', columns?: PredictionColumns): Prediction[];
export function parsePredictions(content: Records, format: 'records', columns?: PredictionColumns): Prediction[];
export function parsePredictions(
  content: string | Records,
  format: 'csv' | 'jsonl' | 'records',
  columns: PredictionColumns = DEFAULT_COLUMNS,
): Prediction[] {
  if (typeof content !== 'string') return Array.from(content, (row) => predictionOf(objectRow(row), columns));
  const text = content.replace(/^\ufeff/, '');
  return (format === 'csv' ? csvRows(text) : jsonLines(text, columns.id)).map((row) => predictionOf(row, columns));
}

function objectRow({ row, values }: { row: number; values: Record<string, unknown> | null }): Row {
  if (values) return { row, values };
  throw new EvaluationInputError('format', `predictions row ${row}: not a JSON object`);
}

function predictionOf({ row, values }: Row, columns: PredictionColumns): Prediction {
  const fail = (message: string) => new EvaluationInputError('prediction', `predictions row ${row}: ${message}`);
  const number = (column: string) => {
    const value = Object.hasOwn(values, column) ? values[column] : undefined;
    if (value === undefined) {
      const there = Object.keys(values).slice(0, 12).join(', ');
      throw fail(`there is no column ${JSON.stringify(column)}; its columns are ${there}`);
    }
    return numberOf(value, column, fail);
  };
  const id = idText(values[columns.id], (what) => fail(`column ${JSON.stringify(columns.id)} holds ${what}`));
  if (id === undefined) throw fail(`column ${JSON.stringify(columns.id)} holds no id`);
  const prediction: Prediction = { id, probabilityA: probabilityOf(columns, number, fail) };
  const swapped = columns.probabilityASwapped;
  const given = swapped === undefined ? undefined : values[swapped];
  if (given !== undefined && given !== null && given !== '') {
    prediction.probabilityASwapped = probability(number(swapped!), swapped!, fail);
  }
  return prediction;
}

type Failure = (message: string) => Error;

/** A number, or the decimal text of one. */
function numberOf(value: unknown, column: string, fail: Failure): number {
  const isText = typeof value === 'string' && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value);
  const parsed = isText || typeof value === 'bigint' ? Number(value) : value;
  if (typeof parsed === 'number' && Number.isFinite(parsed)) return parsed;
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
  const text = typeof value === 'string' ? value.trim() : '';
  const how = /^[+-]?\d+,\d+$/.test(text) ? ' with a decimal point' : text.endsWith('%') ? ' from 0 to 1' : '';
  throw fail(`${column} is ${shown}; expected a number${how}`);
}

/** P(A), where the column has nothing else. */
function probability(value: number, column: string, fail: Failure): number {
  if (value >= 0 && value <= 1) return value;
  const like = value > 1 && value <= 100 ? 'a percentage? divide by 100' : 'a logit or a score? apply the sigmoid';
  throw fail(`${column} is ${value}; expected a number from 0 to 1 (${like})`);
}

/** How far from 1 three probabilities may sum, rounded as they are. */
const SUM_TOLERANCE = 1e-3;

function probabilityOf(
  { probabilityA, classes, rewards }: PredictionColumns,
  number: (column: string) => number,
  fail: Failure,
): number {
  if (classes) {
    const values = classes.map(number);
    const [a, b, tie] = values;
    const sum = a + b + tie;
    const areProbabilities = values.every((value) => value >= 0 && value <= 1);
    if (areProbabilities && Math.abs(sum - 1) <= SUM_TOLERANCE) return (a + tie / 2) / sum;
    const arePercentages = values.every((value) => value >= 0) && Math.abs(sum - 100) <= 100 * SUM_TOLERANCE;
    const like = arePercentages
      ? '; are they percentages? divide them by 100'
      : areProbabilities
        ? ''
        : '; are they logits or scores? apply softmax';
    throw fail(
      `${classes.join(', ')} are ${values.join(', ')}, which sum to ${+sum.toPrecision(6)}; probabilities from 0 to 1 that sum to 1 are expected${like}`,
    );
  }
  if (rewards) return sigmoid(number(rewards[0]) - number(rewards[1]));
  const column = probabilityA ?? DEFAULT_COLUMNS.probabilityA!;
  return probability(number(column), column, fail);
}

interface Row {
  /** Line of a JSON file, record of a CSV file with its header as 1. */
  row: number;
  values: Record<string, unknown>;
}

function jsonLines(text: string, id: string): Row[] {
  const options = { exact: new Set([id]) };
  return text.split(/\r\n|\n|\r/).flatMap((line, i): Row[] => {
    if (line.trim() === '') return [];
    const fail = (reason: string) => new EvaluationInputError('format', `predictions row ${i + 1}: ${reason}`);
    const values = jsonRecord(line, options, fail);
    if (values) return [{ row: i + 1, values }];
    throw fail(isJson(line) ? 'not a JSON object' : 'not JSON');
  });
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function csvRows(text: string): Row[] {
  const table = csvTable((reason, { row }) => {
    const where = row === undefined ? 'predictions' : `predictions row ${row + 2}`;
    return new EvaluationInputError('format', `${where}: ${reason}`);
  });
  if (text !== '') table.push(text);
  table.end();
  return table.take().map((values, i) => ({ row: i + 2, values }));
}
