/** @file Words of the answers as weights: term frequency times inverse document frequency, A minus B. */
import type { Battle } from '../battle.js';
import type { SparseRows } from '../metrics/logistic.js';

/** Words with their column and weight. */
export interface TfIdf {
  columns: Map<string, number>;
  /** log((1 + documents) / (1 + documents with the word)) + 1 [columns]. */
  idf: Float64Array;
}

/** Most characters of an answer to read, so that one huge text cannot fill memory. */
const TEXT_CHARACTERS = 20_000;

/** Words in lower case: runs of letters, digits and marks; each Han, Kana or Thai character is a word of its own. */
function words(text: string): string[] {
  return (
    text
      .slice(0, TEXT_CHARACTERS)
      .toLowerCase()
      .match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}\p{M}]{1,40}/gu) ?? []
  );
}

/** Learns words and weights from both answers of each battle: those in two answers or more, the most frequent first. */
export function fitTfIdf(battles: readonly Battle[], maxWords = 20_000): TfIdf {
  const documents = new Map<string, number>();
  for (const { responseA, responseB } of battles) {
    for (const turns of [responseA, responseB]) {
      for (const word of new Set(words(turns.join('\n')))) documents.set(word, (documents.get(word) ?? 0) + 1);
    }
  }
  const kept = [...documents]
    .filter(([, count]) => count >= 2)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, maxWords);
  return {
    columns: new Map(kept.map(([word], column) => [word, column])),
    idf: Float64Array.from(kept, ([, count]) => Math.log((1 + 2 * battles.length) / (1 + count)) + 1),
  };
}

/** Unit-length vector of A minus that of B, (1 + log count) * idf before scaling [battles, words]. */
export function tfIdfDifferences(model: TfIdf, battles: readonly Battle[]): SparseRows {
  const columns = model.idf.length;
  const starts = new Uint32Array(battles.length + 1);
  const difference = new Float64Array(columns);
  const counts = new Uint32Array(columns);
  const rows = battles.map(({ responseA, responseB }, i) => {
    const used = new Set<number>();
    addUnitVector(model, responseA, 1, counts, difference, used);
    addUnitVector(model, responseB, -1, counts, difference, used);
    const indices = Uint32Array.from(used);
    const values = Float64Array.from(indices, (column) => difference[column]);
    for (const column of indices) difference[column] = 0;
    starts[i + 1] = starts[i] + indices.length;
    return { indices, values };
  });
  const indices = new Uint32Array(starts[battles.length]);
  const values = new Float64Array(starts[battles.length]);
  for (const [i, row] of rows.entries()) {
    indices.set(row.indices, starts[i]);
    values.set(row.values, starts[i]);
  }
  return { rows: battles.length, columns, starts, indices, values };
}

/** Scores of a linear model over {@link tfIdfDifferences} [battles], without making the rows. */
export function tfIdfScores(model: TfIdf, coefficients: Float64Array, battles: readonly Battle[]): Float64Array {
  const counts = new Uint32Array(model.idf.length);
  const scoreOf = (turns: readonly string[]) => {
    const { own, scale } = countWords(model, turns, counts);
    let sum = 0;
    for (const column of own) {
      sum += coefficients[column] * logCount(counts[column]) * model.idf[column];
      counts[column] = 0;
    }
    return scale * sum;
  };
  return Float64Array.from(battles, ({ responseA, responseB }) => scoreOf(responseA) - scoreOf(responseB));
}

/** Adds an answer's vector to `difference` and its columns to `used`; `counts` is zero before and after. */
function addUnitVector(
  model: TfIdf,
  turns: readonly string[],
  sign: number,
  counts: Uint32Array,
  difference: Float64Array,
  used: Set<number>,
): void {
  const { own, scale } = countWords(model, turns, counts);
  for (const column of own) {
    difference[column] += sign * scale * logCount(counts[column]) * model.idf[column];
    counts[column] = 0;
    used.add(column);
  }
}

/**
 * Counts the known words of an answer into `counts`.
 * @returns their columns, and the factor to unit length (0 without words).
 */
function countWords({ columns, idf }: TfIdf, turns: readonly string[], counts: Uint32Array) {
  const own: number[] = [];
  for (const word of words(turns.join('\n'))) {
    const column = columns.get(word);
    if (column !== undefined && counts[column]++ === 0) own.push(column);
  }
  let square = 0;
  for (const column of own) square += (logCount(counts[column]) * idf[column]) ** 2;
  return { own, scale: square > 0 ? 1 / Math.sqrt(square) : 0 };
}

const LOG_COUNTS = Float64Array.from({ length: 64 }, (_, count) => 1 + Math.log(count));

/** 1 + log(count), count >= 1. */
function logCount(count: number): number {
  return count < LOG_COUNTS.length ? LOG_COUNTS[count] : 1 + Math.log(count);
}
