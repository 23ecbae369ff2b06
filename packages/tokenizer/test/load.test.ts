/** @file Files that cannot be read get one clear error. */
import { readFileSync } from 'node:fs';
import { loadTokenizer, TokenizerError } from '@arena/tokenizer';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const text = readFileSync(new URL('fixtures/tiny-tokenizer.json', import.meta.url), 'utf8');
const base = JSON.parse(text);
const withModel = (model: object) => ({ ...base, model: { ...base.model, ...model } });

test.each<[string, object | string, RegExp]>([
  ['no JSON', '{"model":', /not JSON/],
  ['another file', { hidden_size: 3 }, /no "model"/],
  ['a Unigram model', withModel({ type: 'Unigram' }), /"Unigram" found, "BPE" expected/],
  ['no byte fallback', withModel({ byte_fallback: false }), /byte_fallback/],
  ['dropout', withModel({ dropout: 0.1 }), /dropout/],
  ['a suffix', withModel({ end_of_word_suffix: '</w>' }), /end_of_word_suffix/],
  ['a broken merge', withModel({ merges: ['a b c'] }), /merge 0.*no pair/],
  ['a broken merge in text', JSON.stringify(withModel({ merges: ['▁ a', 'ab'] })), /merge 1, "ab".*no pair/],
  ['a merge with a bad escape', text.replace('"merges":["', '"merges":["\\q '), /merge 0.*not valid JSON/],
  ['a merge of strangers', withModel({ merges: [['☃', 'a']] }), /merge 0.*outside the vocabulary/],
  [
    'a byte missing',
    withModel({ vocab: Object.fromEntries(Object.entries(base.model.vocab).filter(([t]) => t !== '<0xE2>')) }),
    /<0xE2>/,
  ],
  ['an absurd id', withModel({ vocab: { ...base.model.vocab, far: 2 ** 40 } }), /"far" has id/],
  ['an id twice', withModel({ vocab: { ...base.model.vocab, twin: 7 } }), /id 7 is both/],
  [
    'a regular expression',
    { ...base, pre_tokenizer: { type: 'Split', pattern: { Regex: '\\s' }, behavior: 'Isolated' } },
    /pattern/,
  ],
  ['another pre-tokeniser', { ...base, pre_tokenizer: { type: 'ByteLevel' } }, /pre_tokenizer "ByteLevel"/],
  ['another normaliser', { ...base, normalizer: { type: 'Precompiled' } }, /normalizer "Precompiled"/],
  ['another decoder', { ...base, decoder: { type: 'WordPiece' } }, /decoder "WordPiece"/],
  [
    'another post-processor',
    { ...base, post_processor: { type: 'BertProcessing' } },
    /post_processor "BertProcessing"/,
  ],
])('%s', (_, file, message) => {
  expect(() => loadTokenizer(file)).toThrow(TokenizerError);
  expect(() => loadTokenizer(file)).toThrow(message);
});

test('text, bytes and object give the same', () => {
  const ids = loadTokenizer(base).encode('why is the river blue');
  expect(loadTokenizer(text).encode('why is the river blue')).toEqual(ids);
  expect(loadTokenizer(new TextEncoder().encode(text)).encode('why is the river blue')).toEqual(ids);
});

test('merges are read alike in every form and spelling', () => {
  const ids = loadTokenizer(base).encode('why is the river blue\n\n');
  const pairs = withModel({ merges: base.model.merges.map((merge: string) => merge.split(' ')) });
  const escaped = text.replaceAll('▁', '\\u2581');
  for (const file of [
    pairs,
    JSON.stringify(pairs),
    escaped,
    JSON.stringify(base, null, 2),
    JSON.stringify({ ...base, extra: { merges: ['x'] } }),
  ]) {
    expect(loadTokenizer(file).encode('why is the river blue\n\n')).toEqual(ids);
  }
  const spaced = { ...base.model.vocab, ' ': 480, 'a ': 481, 'a  ': 482 };
  const inPair = withModel({
    vocab: spaced,
    merges: [
      ['a', ' '],
      ['a ', ' '],
    ],
  });
  expect([...loadTokenizer({ ...inPair, normalizer: null }).encode('a  ')]).toEqual([482]);
});

test('names of special tokens can be given', () => {
  expect(loadTokenizer(base, { padToken: '<unk>' }).padTokenId).toBe(3);
  expect(() => loadTokenizer(base, { padToken: '<none>' })).toThrow(/padToken "<none>"/);
});

test('damaged files: only typed errors', () => {
  const damage = fc.array(
    fc.tuple(fc.nat(text.length - 1), fc.constantFrom('', '"', '{', ']', '0', '-', 'null', ',')),
    { minLength: 1, maxLength: 3 },
  );
  fc.assert(
    fc.property(damage, fc.nat(9), (edits, cut) => {
      let file = text;
      for (const [at, put] of edits) file = file.slice(0, at) + put + file.slice(at + 1);
      if (cut === 0) file = file.slice(0, edits[0][0]);
      try {
        loadTokenizer(file).encode('hello');
      } catch (error) {
        expect(error).toBeInstanceOf(TokenizerError);
      }
    }),
    { numRuns: 1000, seed: 5 },
  );
});
