/** @file Style of an answer, its form and not its content: length, lines, lists, headers, bold, code. */
import { type Battle, lengthOf } from '../battle.js';
import { type SparseRows, sparseRows } from '../metrics/logistic.js';

/** What {@link styleCounts} counts, in its order. */
export const STYLE_FEATURES = [
  'characters',
  'lines',
  'list items',
  'headers',
  'bold spans',
  'code spans and blocks',
] as const;

/** Patterns to count, and characters that each needs: a quick check, since most answers are plain. */
const PATTERNS: readonly (readonly [pattern: RegExp, needs: readonly string[]])[] = [
  [/^[ \t]{0,16}(?:[-*+\u2022]|\d{1,4}[.)])[ \t]/gm, ['- ', '* ', '+ ', '\u2022', '. ', ') ', '\t']],
  [/^[ \t]{0,3}#{1,6}[ \t]/gm, ['#']],
  [/\*\*[^*\n]{1,300}\*\*|__[^_\n]{1,300}__/g, ['**', '__']],
  [/```|`[^`\n]{1,300}`/g, ['`']],
];

/** Markdown is counted in this many characters of an answer. */
const STYLE_CHARACTERS = 50_000;

/** Counts of {@link STYLE_FEATURES} in an answer's turns. Lines are those that are not blank. */
export function styleCounts(turns: readonly string[]): number[] {
  const text = turns.join('\n').slice(0, STYLE_CHARACTERS);
  const counts = PATTERNS.map(([pattern, needs]) =>
    needs.some((part) => text.includes(part)) ? (text.match(pattern)?.length ?? 0) : 0,
  );
  const lines = text.split('\n').filter((line) => line.trim() !== '').length;
  return [lengthOf(turns), lines, ...counts];
}

/** Difference A - B of log(1 + count) for each feature [battles][features]. */
export function styleDifferences(battles: readonly Battle[]): number[][] {
  return battles.map(({ responseA, responseB }) => {
    const b = styleCounts(responseB);
    return styleCounts(responseA).map((count, k) => Math.log1p(count) - Math.log1p(b[k]));
  });
}

/** Root mean square of each column, 1 where it is all zero: the scale of the differences. */
export function columnScales(rows: readonly (readonly number[])[], columns: number): number[] {
  return Array.from({ length: columns }, (_, k) => {
    const square = rows.reduce((sum, row) => sum + row[k] * row[k], 0) / Math.max(1, rows.length);
    return square > 0 ? Math.sqrt(square) : 1;
  });
}

/** Dense rows divided by `scales`, as the regression takes them. */
export function scaledRows(rows: readonly (readonly number[])[], scales: readonly number[]): SparseRows {
  return sparseRows(
    rows.map((row) => row.map((value, k) => [k, value / scales[k]] as const)),
    scales.length,
  );
}
