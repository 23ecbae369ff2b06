/** @file CSV against Python's csv module and the library csv-parse, both strict, and by properties. */
import { readFileSync } from 'node:fs';
import { csvTable, type Fail } from '@arena/files/text';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const fail: Fail = (reason, { row, column }) => new Error(`${row ?? '-'} ${column ?? '-'}: ${reason}`);

/** Records of a text that comes in these parts. */
function read(...parts: string[]): Record<string, string>[] {
  const table = csvTable(fail);
  for (const part of parts) table.push(part);
  table.end();
  return table.take();
}

/** The same as lists of cells, or the word "refused". */
function cells(text: string): string[][] | 'refused' {
  try {
    return read(text).map((record) => Object.values(record));
  } catch {
    return 'refused';
  }
}

/** What rows mean under our rules: the first names columns, each once, and every other has as many cells. */
function meant(rows: string[][]): string[][] | 'refused' {
  const [header = [], ...others] = rows;
  const named = header.filter((name) => name !== '');
  const isTable = new Set(named).size === named.length && others.every((row) => row.length === header.length);
  if (!isTable) return 'refused';
  return others.map((row) => Object.values(Object.fromEntries(row.map((value, i) => [header[i], value]))));
}

test('a cell and a row that are no longer those of a table end the reading', () => {
  expect(() => read(`prompt,winner\n"${'x'.repeat(2 ** 24 + 1)}`)).toThrow(
    '0 prompt: a cell of more than 16777216 characters, whose quote opens in line 2',
  );
  expect(() => read(`${'a,'.repeat(10_000)}b\n`)).toThrow('a row of more than 10000 cells in line 1; is this CSV?');
  expect(cells(`${Array.from({ length: 9999 }, (_, i) => i).join()}\n`)).toEqual([]);
});

describe("Python's csv module", () => {
  const golden: { text: string; rows: string[][] | string }[] = JSON.parse(
    readFileSync(new URL('fixtures/csv-tables.json', import.meta.url), 'utf8'), // made by fixtures/csv_tables.py
  );
  /** A quote within a cell that does not begin with one: Python takes it as it stands, csv-parse and we refuse it. */
  const strayQuote = (text: string) => /(^|[,\r\n])[^",\r\n]+"/.test(text.replace(/(^|[,\r\n])"(""|[^"])*"/g, '$1'));

  test(`${golden.length} texts`, () => {
    let tables = 0;
    for (const { text, rows } of golden) {
      if (strayQuote(text)) expect(cells(text), JSON.stringify(text)).toBe('refused');
      else {
        const want = typeof rows === 'string' ? 'refused' : meant(rows.filter((row) => row.length > 0));
        expect(cells(text), JSON.stringify(text)).toEqual(want);
        if (want !== 'refused' && want.length > 0) tables++;
      }
    }
    expect(tables).toBeGreaterThan(150);
  });
});

const text = fc
  .array(fc.constantFrom('a', 'b', 'é', ',', '"', '""', '\n', '\r\n', '\r', '","', '"x"', 'x,y\n', 'x,y\r\n'), {
    maxLength: 24,
  })
  .map((parts) => parts.join(''));

test('csv-parse, strict: the same cells, or refused by both', () => {
  const options = { record_delimiter: ['\r\n', '\n', '\r'], skip_empty_lines: true };
  fc.assert(
    fc.property(text, (one) => {
      let want: string[][] | 'refused';
      try {
        want = meant(parse(one, options) as string[][]);
      } catch {
        want = 'refused';
      }
      expect(cells(one)).toEqual(want);
    }),
    { numRuns: 5000 },
  );
});

test('any table that is written with quotes is read as it was, in any parts', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ' ', ',', '"', '\n', '\r', ';', '\t', '|', '😀'), maxLength: 6 });
  const tables = fc
    .integer({ min: 2, max: 4 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 5 }));
  const ends = fc.array(fc.constantFrom('\n', '\r\n', '\r'), { minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(
      tables,
      ends,
      fc.constantFrom(',', ';', '\t', '|'),
      fc.integer({ min: 1, max: 9 }),
      (rows, end, delimiter, size) => {
        const names = (rows[0] ?? ['', '']).map((_, i) => `c${i}`);
        const written = [names, ...rows]
          .map((row, i) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(delimiter) + end[i])
          .join('');
        const parts = written.match(new RegExp(`[^]{1,${size}}`, 'g'))!;
        expect(read(...parts).map((record) => Object.values(record))).toEqual(rows);
      },
    ),
  );
});

describe('what is said', () => {
  test.each<[string, string, string]>([
    ['too few cells', 'a,b\r\n1,2\n3\n', '1 -: it has 1 cells, the header has 2 (line 3, which begins "3")'],
    ['too many cells', 'a,b\n"1\n1",2,\n', '0 -: it has 3 cells, the header has 2 (line 3, which begins "1\\n1")'],
    ['a name twice', 'a,b,a\n1,2,3\n', '- -: the header has the column "a" twice (columns 1 and 3)'],
    ['a quote left open', 'a,b\n1,2\n3,"4\n5,6\n', '1 b: a quote is left open (it opens in line 3)'],
    ['text after a quote', 'a,b\n"1"2,3\n', '0 a: text follows a closing quote (line 2)'],
    ['a quote within a cell', 'a,b\n1,2"3\n', '0 b: a quote within a cell that does not begin with one (line 2)'],
  ])('%s', (_, one, message) => {
    expect(() => read(one)).toThrow(message);
  });

  test('records before a wrong one are there', () => {
    const table = csvTable(fail);
    expect(() => table.push('a,b\n1,2\n3,4\n5\n')).toThrow('2 -: it has 1 cells');
    expect(table.take()).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ]);
    expect(table.take()).toEqual([]);
  });

  test('columns without a name are nobody’s, blank lines are passed by', () => {
    expect(read('\n\r\na,,\n\n1,2,3\n \t\n')).toEqual([{ a: '1', '': '3' }]);
    expect(read('a\n\n"" \n'.replace(' ', ''))).toEqual([{ a: '' }]);
  });
});

describe('delimiters', () => {
  test.each<[string, string]>([
    ['semicolon', 'a;b\n1,5;2\n'],
    ['tab', 'a\tb\n1,5\t2\n'],
    ['bar', 'a|b\n1,5|2\n'],
    ["Excel's line", 'sep=;\r\na;b\r\n1,5;2\r\n'],
    ["Excel's line in quotes", '"sep=^"\ra^b\r1,5^2'],
    ['comma', 'a,b\n"1,5",2\n'],
    ['commas in a quoted name', '"x,y,z";b\n1,5;2\n'.replace('x,y,z', 'a')],
  ])('%s', (_, one) => {
    expect(read(one)).toEqual([{ a: '1,5', b: '2' }]);
    expect(read(...one)).toEqual([{ a: '1,5', b: '2' }]);
  });
  test('a quoted name does not tell the delimiter', () => {
    expect(read('"x,y,z";b\n1;2\n')).toEqual([{ 'x,y,z': '1', b: '2' }]);
  });
});
