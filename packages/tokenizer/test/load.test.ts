/** @file Files that cannot be read get one clear error. */
import { readFileSync } from 'node:fs';
import { loadTokenizer, type Tokenizer, TokenizerError } from '@arena/tokenizer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

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
  ['a merge with a bad escape', text.replace('"merges":["', '"merges":["\\q '), /not JSON/],
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

test.each<[string, object | string, object]>([
  ['malformed', '{', {}],
  ['unsupported', withModel({ type: 'Unigram' }), {}],
  ['vocabulary', withModel({ merges: [['☃', 'a']] }), {}],
  ['argument', base, { padToken: '<none>' }],
])('the code %s', (code, file, names) => {
  expect(() => loadTokenizer(file, names)).toThrow(expect.objectContaining({ name: 'TokenizerError', code }));
});

test.each([null, undefined])('%s, as of a file that is not there', (nothing) => {
  const load = () => loadTokenizer(nothing as unknown as string);
  expect(load).toThrow(TokenizerError);
  expect(load).toThrow('tokenizer.json: no text or bytes were given; is the file there?');
});

test('text, bytes and object give the same', () => {
  const ids = loadTokenizer(base).encode('why is the river blue');
  expect(loadTokenizer(text).encode('why is the river blue')).toEqual(ids);
  expect(loadTokenizer(new TextEncoder().encode(text)).encode('why is the river blue')).toEqual(ids);
});

describe('bytes are read as JSON.parse reads them', () => {
  const wide = JSON.stringify(base, null, 10); // longer than a stretch: vocabulary and merges are cut in several places
  const first = Object.keys(base.model.vocab)[300];
  test.each([
    ['over many lines', wide],
    ['a name twice, far apart', wide.replace('"vocab": {', `"vocab": {${JSON.stringify(first)}: 99999,`)],
    ['a name twice, side by side', text.replace('"vocab":{', `"vocab":{${JSON.stringify(first)}:99999,`)],
    ['an id twice, taken back later', wide.replace('"vocab": {', `"vocab": {${JSON.stringify(first)}: 7,`)],
    ['a name with escapes', wide.replace('"vocab": {', '"vocab": {"\\u00e4\\n\\"{": 99999,')],
    ['a long name', wide.replace('"vocab": {', `"vocab": {"${'long '.repeat(9)}": 99999,`)],
    ['__proto__ as a name', wide.replace('"vocab": {', '"vocab": {"__proto__": 99999,')],
    ['an id with an exponent', wide.replace('"vocab": {', '"vocab": {"exponent": 9e4,')],
    ['two models', wide.replace('"model": {', '"model": {"vocab": {}, "merges": []}, "model": {')],
    ['a name of the model with an escape', wide.replace('"vocab": {', '"vocab": {}, "vo\\u0063ab": {')],
    ['a byte order mark', `\ufeff${wide}`],
    ['a comma at the end of the vocabulary', text.replace(/("vocab":\{[^}]*)\}/, '$1,}')],
    ['a comma at the end of the merges', text.replace(/("merges":\[[^\]]*)\]/, '$1,]')],
    ['the wrong bracket', text.replace(/("merges":\[[^\]]*)\]/, '$1}')],
  ])('%s', (_, json) => {
    const outcome = (load: () => Tokenizer) => {
      try {
        const tokenizer = load();
        return [tokenizer.vocabSize, ...tokenizer.encode('why is the river blue\n"{ __proto__ long long')];
      } catch (error) {
        return error instanceof TokenizerError || error instanceof SyntaxError ? 'refused' : error;
      }
    };
    const bytes = new TextEncoder().encode(json);
    const buffer = Buffer.from(bytes);
    const whole = new TextDecoder().decode(bytes);
    expect(outcome(() => loadTokenizer(buffer))).toEqual(outcome(() => loadTokenizer(JSON.parse(whole))));
    expect(buffer).toEqual(Buffer.from(bytes));
  });
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
      const outcome = (load: () => Tokenizer) => {
        try {
          return [...load().encode('hello')];
        } catch (error) {
          if (!(error instanceof SyntaxError)) expect(error).toBeInstanceOf(TokenizerError);
          return 'refused';
        }
      };
      // Read a stretch at a time, a file is what it is when it is parsed as a whole.
      expect(outcome(() => loadTokenizer(file))).toEqual(outcome(() => loadTokenizer(JSON.parse(file))));
    }),
    { numRuns: 1000, seed: 5 },
  );
});
