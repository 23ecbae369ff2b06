/** @file Reads predictions that other tools wrote: CSV or JSON lines, with a map of their columns. */
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

/**
 * Predictions from the text of a file. In CSV the first line names the columns.
 * @throws EvaluationInputError naming the row: not JSON, a column missing, not a number, quotes left open.
 * @example
 * const predictions = parsePredictions(csv, 'csv', { id: 'question', rewards: ['chosen', 'rejected'] });
 */
export function parsePredictions(
  text: string,
  format: 'csv' | 'jsonl',
  columns: PredictionColumns = DEFAULT_COLUMNS,
): Prediction[] {
  const rows = format === 'csv' ? csvObjects(text) : jsonLines(text);
  return rows.map(({ row, values }) => {
    const fail = (message: string) => new EvaluationInputError('prediction', `predictions row ${row}: ${message}`);
    const number = (column: string) => {
      const value = values[column];
      if (value === undefined) {
        const there = Object.keys(values).slice(0, 12).join(', ');
        throw fail(`there is no column ${JSON.stringify(column)}; its columns are ${there}`);
      }
      const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof parsed !== 'number' || !Number.isFinite(parsed)) {
        throw fail(`${column} is ${JSON.stringify(value)}; expected a number`);
      }
      return parsed;
    };
    const id = values[columns.id];
    if (typeof id !== 'string' && typeof id !== 'number') {
      throw fail(`column ${JSON.stringify(columns.id)} holds no id`);
    }
    const prediction: Prediction = { id: String(id), probabilityA: probabilityOf(columns, number) };
    const swapped = columns.probabilityASwapped;
    const given = swapped === undefined ? undefined : values[swapped];
    if (given !== undefined && given !== null && given !== '') prediction.probabilityASwapped = number(swapped!);
    return prediction;
  });
}

function probabilityOf(
  { probabilityA, classes, rewards }: PredictionColumns,
  number: (column: string) => number,
): number {
  if (classes) {
    const [a, b, tie] = classes.map(number);
    return (a + tie / 2) / (a + b + tie);
  }
  if (rewards) return sigmoid(number(rewards[0]) - number(rewards[1]));
  return number(probabilityA ?? DEFAULT_COLUMNS.probabilityA!);
}

interface Row {
  /** Line of a JSON file, record of a CSV file with its header as 1. */
  row: number;
  values: Record<string, unknown>;
}

function jsonLines(text: string): Row[] {
  return text.split(/\r?\n/).flatMap((line, i): Row[] => {
    if (line.trim() === '') return [];
    let values: unknown;
    try {
      values = JSON.parse(line);
    } catch (error) {
      throw new EvaluationInputError('format', `predictions row ${i + 1}: not JSON: ${(error as Error).message}`);
    }
    if (typeof values !== 'object' || values === null || Array.isArray(values)) {
      throw new EvaluationInputError('format', `predictions row ${i + 1}: not a JSON object`);
    }
    return [{ row: i + 1, values: values as Record<string, unknown> }];
  });
}

function csvObjects(text: string): Row[] {
  const [header, ...records] = csvRecords(text.replace(/^\ufeff/, ''));
  if (!header) return [];
  return records.map((cells, i) => {
    if (cells.length !== header.length) {
      throw new EvaluationInputError(
        'format',
        `predictions row ${i + 2}: it has ${cells.length} cells, the header has ${header.length}`,
      );
    }
    return { row: i + 2, values: Object.fromEntries(header.map((name, k) => [name, cells[k]])) };
  });
}

/** Records of CSV text (RFC 4180): quoted cells may hold commas, line breaks and doubled quotes. */
function csvRecords(text: string): string[][] {
  const records: string[][] = [];
  let cells: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') {
      let end = at + 1;
      while (text[end] !== '"' || text[end + 1] === '"') {
        if (end >= text.length)
          throw new EvaluationInputError('format', `predictions row ${records.length + 1}: a quote is left open`);
        end += text[end] === '"' ? 2 : 1;
      }
      cell = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\r' && text[end] !== '\n') end++;
      cell = text.slice(at, end);
      at = end;
    }
    cells.push(cell);
    if (text[at] === ',') {
      at++;
      if (at === text.length) cells.push('');
      continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    else if (at < text.length) {
      throw new EvaluationInputError('format', `predictions row ${records.length + 1}: text follows a closing quote`);
    }
    if (cells.length > 1 || cells[0] !== '') records.push(cells);
    cells = [];
  }
  if (cells.length) records.push(cells);
  return records;
}
