/** @file Python's regular expressions: each pattern of fixtures/python-re.json fits the texts that Python's re says, or is refused where it is. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pythonRegex } from '../src/python-regex/regex.js';

const { texts, rows } = JSON.parse(readFileSync(new URL('fixtures/python-re.json', import.meta.url), 'utf8')) as {
  texts: string[];
  rows: [string, string][];
};

function verdict(pattern: string): string {
  let regex: ReturnType<typeof pythonRegex>;
  try {
    regex = pythonRegex(pattern);
  } catch (error) {
    expect((error as Error).message).toMatch(/^[^\n]+ is no regular expression of Python's: [^\n]+ at position \d+$/);
    return 'error';
  }
  return texts.map((text) => (regex.fullmatch(text) ? 'F' : regex.match(text) ? 'M' : '-')).join('');
}

/** As of Python 3.14 this is \Z. */
const NEWER = ['a\\z'];

test('every pattern fits what it fits in Python', () => {
  const differ = rows.flatMap(([pattern, want]) => {
    const got = verdict(pattern);
    return got === want || NEWER.includes(pattern) ? [] : [{ pattern, want, got }];
  });
  expect(differ).toEqual([]);
});

test('a pattern that takes for ever is given up', () => {
  const regex = pythonRegex('(a+)+b');
  expect(() => regex.fullmatch('a'.repeat(60))).toThrow('takes too many steps');
});
