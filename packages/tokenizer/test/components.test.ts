/** @file Every supported part of a tokenizer.json against Python tokenizers, over small variants of one file. */
import { readFileSync } from 'node:fs';
import { loadTokenizer } from '@arena/tokenizer';
import { describe, expect, test } from 'vitest';

interface Row {
  text: string;
  ids: number[];
  decoded: string;
  skipped: string;
  splitSpecial: number[];
  offsets?: number[];
}
interface Case {
  name: string;
  overrides: Record<string, unknown> & { model?: object };
  rows: Row[];
  pairs: { a: string; b: string; ids: number[] }[];
  single: { text: string; ids: number[] }[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'));
const base = read('tiny-tokenizer.json');
const { cases } = read('components.json') as { cases: Case[] };

describe.each(cases)('$name', ({ overrides, rows, pairs, single }) => {
  const tokenizer = loadTokenizer({ ...base, ...overrides, model: { ...base.model, ...overrides.model } });
  test.each(rows)('$text', ({ text, ids, decoded, skipped, splitSpecial, offsets }) => {
    expect([...tokenizer.encode(text)]).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(skipped);
    expect([...tokenizer.encode(text, { splitSpecialTokens: true })]).toEqual(splitSpecial);
    if (offsets) {
      const found = tokenizer.encodeWithOffsets(text);
      expect([...found.ids]).toEqual(ids);
      expect([...found.offsets]).toEqual(offsets);
    }
  });
  test('templates', () => {
    for (const { text, ids } of single) expect([...tokenizer.encode(text, { addSpecialTokens: true })]).toEqual(ids);
    for (const { a, b, ids } of pairs) expect([...tokenizer.encodePair(a, b, { addSpecialTokens: true })]).toEqual(ids);
  });
});
