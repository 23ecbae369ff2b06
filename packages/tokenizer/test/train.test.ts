/** @file A trained tokenizer loads, round-trips and is the same every time. */
import { loadTokenizer, trainBpe } from '@arena/tokenizer';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const texts = Array.from(
  { length: 300 },
  (_, i) => `The river ${i % 7} is blue\nand the stone ${i % 5} is grey. 世界 naïve`,
);

test('layout of the vocabulary', () => {
  const file = trainBpe(texts, { vocabSize: 320 });
  const { vocab, merges } = file.model;
  expect(vocab['<pad>']).toBe(0);
  expect(vocab['<eos>']).toBe(1);
  expect(vocab['<bos>']).toBe(2);
  expect(vocab['<unk>']).toBe(3);
  expect(vocab['<0x00>']).toBe(6);
  expect(Object.keys(vocab).length).toBe(320);
  for (const merge of merges) expect(vocab).toHaveProperty([merge.toString().replace(' ', '')]);
  expect(merges.some((merge) => /[^▁ ] ?▁/.test(merge.toString()))).toBe(false);
});

test('frequent words are one token, and any text comes back', () => {
  const tokenizer = loadTokenizer(trainBpe(texts, { vocabSize: 400 }));
  expect(tokenizer.encode(' river').length).toBe(1);
  expect([...tokenizer.encode('', { addSpecialTokens: true })]).toEqual([2]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const plain = text.replaceAll('▁', ' '); // "▁" stands for a space, in Gemma too
      expect(tokenizer.decode(tokenizer.encode(plain, { splitSpecialTokens: true }))).toBe(plain);
    }),
    { numRuns: 500, seed: 3 },
  );
});

test('order of the texts does not matter', () => {
  expect(trainBpe([...texts].reverse(), { vocabSize: 400 })).toEqual(trainBpe(texts, { vocabSize: 400 }));
});

test('letters never make a special token', () => {
  const spelled = Array.from({ length: 50 }, () => 'x <eos> <0x41> y');
  const { merges } = trainBpe(spelled, { vocabSize: 350 }).model;
  expect(merges.map((merge) => merge.toString().replace(' ', ''))).not.toContain('<eos>');
  expect(merges.map((merge) => merge.toString().replace(' ', ''))).not.toContain('<0x41>');
});

test('too small a vocabulary', () => {
  expect(() => trainBpe(texts, { vocabSize: 100 })).toThrow(/vocabSize 100 is too small/);
  expect(() => trainBpe(texts, { specialTokens: ['<eos>'] })).toThrow(/lacks <pad>/);
});
