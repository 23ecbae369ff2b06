/** @file SentencePiece vocabularies against the library itself, and against its algorithm written plainly. */
import { readFileSync } from 'node:fs';
import {
  loadTokenizer,
  type SentencePieceVocabulary,
  sentencePieceTokenizer,
  TokenizerError,
  tokenizerJson,
} from '@arena/tokenizer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

type Changes<T> = Record<string, T>;
interface Fixture extends SentencePieceVocabulary {
  tokens: string[];
  scores: number[];
  types: number[];
  cases: {
    name: string;
    addSpacePrefix: boolean;
    tokens: Changes<string>;
    scores: Changes<number>;
    types: Changes<number>;
    rows: [text: string, ids: number[], decoded: string][];
    bytes: [ids: number[], decoded: string][];
  }[];
}

const { cases, ...base }: Fixture = JSON.parse(
  readFileSync(new URL('fixtures/sentencepiece.json', import.meta.url), 'utf8'),
);
const change = <T>(list: T[], changes: Changes<T>) => list.map((value, i) => changes[i] ?? value);
const plain: SentencePieceVocabulary = { ...base, addSpacePrefix: false };
const CONTROL = /<(?:pad|eos|bos|unk)>/;
const TURN = /<(?:start|end)_of_turn>/;
const split = { splitSpecialTokens: true };

describe.each(cases)('as SentencePiece, $name', ({ addSpacePrefix, tokens, scores, types, rows, bytes }) => {
  const tokenizer = sentencePieceTokenizer({
    ...base,
    addSpacePrefix,
    tokens: change(base.tokens, tokens),
    scores: change(base.scores, scores),
    types: change(base.types, types),
  });
  test('ids', () => {
    // SentencePiece never makes a control token of a text, and always a user-defined one.
    for (const [text, ids] of rows) {
      if (!CONTROL.test(text)) expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
      if (!TURN.test(text)) expect([...tokenizer.encode(text, split)], JSON.stringify(text)).toEqual(ids);
    }
  });
  test('ids again, from the word cache, with <bos>', () => {
    for (const [text, ids] of rows) {
      if (CONTROL.test(text)) continue;
      expect([...tokenizer.encode(text, { addSpecialTokens: true })]).toEqual([2, ...ids]);
    }
  });
  test('texts', () => {
    for (const [, ids, decoded] of rows) expect(tokenizer.decode(ids)).toBe(decoded);
    for (const [ids, decoded] of bytes) expect(tokenizer.decode(ids)).toBe(decoded);
  });
});

describe('control tokens', () => {
  const tokenizer = sentencePieceTokenizer(plain);
  test('are cut out, or read as text', () => {
    expect([...tokenizer.encode('<bos>a<eos>')]).toEqual([2, ...tokenizer.encode('a'), 1]);
    const text = '<bos><start_of_turn>user\nhi <|im_end|><end_of_turn><b>';
    const ids = [...tokenizer.encode(text, split)];
    expect(ids.filter((id) => id < 6)).toEqual([]);
    expect(ids.at(-1)).toBe(tokenizer.tokenToId('<b>'));
    expect(tokenizer.decode(ids)).toBe(text);
  });
  test('are left out of a decoded text when asked for', () => {
    const ids = tokenizer.encode('<start_of_turn>user<end_of_turn>', { addSpecialTokens: true });
    expect(tokenizer.decode(ids)).toBe('<bos><start_of_turn>user<end_of_turn>');
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('user');
  });
  test('stand where the file says', () => {
    const both = sentencePieceTokenizer({ ...plain, addEos: true });
    const a = [...both.encode('a')];
    expect([...both.encode('a', { addSpecialTokens: true })]).toEqual([2, ...a, 1]);
    expect([...both.encodePair('a', 'a', { addSpecialTokens: true })]).toEqual([2, ...a, 1, 2, ...a, 1]);
  });
  test('begin a stretch that gets a space of its own', () => {
    const prefixed = sentencePieceTokenizer({ ...plain, addSpacePrefix: true });
    const text = prefixed.encode('river');
    expect([...prefixed.encode('<bos>river<eos>river')]).toEqual([2, ...text, 1, ...text]);
    expect(prefixed.decode(text)).toBe('river');
  });
  test('names and sizes', () => {
    const { padTokenId, eosTokenId, bosTokenId, unkTokenId, vocabSize } = tokenizer;
    expect([padTokenId, eosTokenId, bosTokenId, unkTokenId, vocabSize]).toEqual([0, 1, 2, 3, 600]);
    expect(tokenizer.idToToken(2)).toBe('<bos>');
    expect(tokenizer.tokenToId('no such token')).toBeNull();
    const { bosId, padId, unkId, ...nameless } = plain;
    const few = sentencePieceTokenizer({ ...nameless, addBos: false });
    expect([few.bosTokenId, few.padTokenId, few.unkTokenId]).toEqual([null, null, 3]);
  });
});

test('offsets', () => {
  const tokenizer = sentencePieceTokenizer(plain);
  const text = 'the 👍  cats<eos>é';
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  expect(ids).toEqual(tokenizer.encode(text));
  const stretches = [...ids].map((_, i) => text.slice(offsets[2 * i], offsets[2 * i + 1]));
  const tokens = [...ids].map((id) => tokenizer.idToToken(id)!.replaceAll('▁', ' '));
  expect(stretches.filter((stretch) => stretch !== '👍')).toEqual(tokens.filter((token) => !token.startsWith('<0x')));
  expect(stretches.filter((stretch) => stretch === '👍')).toHaveLength(4);
  const prefixed = sentencePieceTokenizer({ ...plain, addSpacePrefix: true });
  expect(() => prefixed.encodeWithOffsets('a')).toThrow(TokenizerError);
});

/** SentencePiece's algorithm over strings: no table, no heap, no cache. */
function slowPieces({ tokens, scores, types, addSpacePrefix }: SentencePieceVocabulary, text: string): number[] {
  const pieces = new Map(tokens.map((token, id) => [token.replaceAll(' ', '▁'), id]));
  const isPiece = (piece: string) => [1, 4, 5].includes(types[pieces.get(piece) ?? -1]);
  const userDefined = tokens.filter((_, id) => types[id] === 4).map((token) => token.replaceAll(' ', '▁'));
  let rest = (addSpacePrefix && text !== '' ? ' ' : '') + text;
  rest = rest.replaceAll(' ', '▁');
  const symbols: { text: string; isFixed: boolean }[] = [];
  while (rest !== '') {
    const longest = userDefined
      .filter((token) => rest.startsWith(token))
      .reduce((a, b) => (b.length > a.length ? b : a), '');
    symbols.push({ text: longest || String.fromCodePoint(rest.codePointAt(0)!), isFixed: longest !== '' });
    rest = rest.slice(symbols.at(-1)!.text.length);
  }
  const halves = new Map<string, [string, string]>();
  const look = (i: number) => {
    const [left, right] = [symbols[i], symbols[i + 1]];
    const both = left && right && !left.isFixed && !right.isFixed ? left.text + right.text : '';
    if (!isPiece(both)) return;
    if (types[pieces.get(both)!] === 5) halves.set(both, [left.text, right.text]);
  };
  for (let i = 0; i < symbols.length; i++) look(i);
  for (;;) {
    let best = -1;
    let highest = Number.NEGATIVE_INFINITY;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const both = symbols[i].text + symbols[i + 1].text;
      if (symbols[i].isFixed || symbols[i + 1].isFixed || !isPiece(both)) continue;
      if (scores[pieces.get(both)!] > highest) [best, highest] = [i, scores[pieces.get(both)!]];
    }
    if (best < 0) break;
    symbols.splice(best, 2, { text: symbols[best].text + symbols[best + 1].text, isFixed: false });
    look(best - 1);
    look(best);
  }
  const ids = (piece: string): number[] => {
    const id = pieces.get(piece);
    const pair = halves.get(piece);
    if (id !== undefined && types[id] === 5 && pair) return pair.flatMap(ids);
    if (id !== undefined && isPiece(piece)) return [id];
    return [...new TextEncoder().encode(piece)].map((byte) => pieces.get(byteToken(byte))!);
  };
  return symbols.flatMap((symbol) => ids(symbol.text));
}

const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

test('equals the algorithm for random vocabularies and texts', () => {
  const character = fc.constantFrom('▁', 'a', 'b', 'c', '的', '👍');
  const piece = fc.array(character, { minLength: 1, maxLength: 5 }).map((list) => list.join(''));
  const word = fc.constantFrom(' ', '▁', 'a', 'b', 'c', 'ab', 'abc', '的', '👍', 'é', 'ca');
  const texts = fc.array(
    fc.array(word, { maxLength: 60 }).map((list) => list.join('')),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(piece, { maxLength: 60 }),
      fc.constantFrom(4, 5), // user-defined tokens or unused pieces
      fc.array(fc.nat(6), { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      texts,
      (some, other, numbers, addSpacePrefix, list) => {
        const bytes = Array.from({ length: 256 }, (_, byte) => byteToken(byte));
        const tokens = ['<unk>', ...bytes, ...some];
        const picked = (i: number) => numbers[i % numbers.length];
        const vocabulary = {
          tokens,
          scores: tokens.map((_, i) => -picked(i) - (numbers[0] % 2 ? 0 : i)),
          types: tokens.map((_, i) => (i === 0 ? 2 : i < 257 ? 6 : picked(i + 3) === 0 ? other : 1)),
          addBos: false,
          addEos: false,
          addSpacePrefix,
        };
        const tokenizer = sentencePieceTokenizer(vocabulary);
        // Twice, so that the second pass comes from the word cache.
        for (const text of [...list, ...list])
          expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(slowPieces(vocabulary, text));
      },
    ),
    { numRuns: 500, seed: 19 },
  );
});

test.each([false, true])('any text without "▁" comes back, with a space prefix: %s', (addSpacePrefix) => {
  const tokenizer = sentencePieceTokenizer({ ...plain, addSpacePrefix });
  const word = fc.constantFrom(
    'the',
    ' ',
    '   ',
    'river',
    '\n\n',
    '\t',
    'é',
    '日本',
    '👍🏽',
    '<b>',
    '<bos',
    '{',
    '0x41',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(word, { maxLength: 40 }).map((list) => list.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      if (text.includes('▁')) return;
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      expect(tokenizer.decode(tokenizer.encode(text, split))).toBe(text);
    }),
    { numRuns: 500, seed: 20 },
  );
});

// Quadratic merging would take minutes here.
test('50,000 letters without a space are no problem', () => {
  const unused = sentencePieceTokenizer({ ...plain, types: change(base.types, { 300: 5, 310: 5, 320: 5 }) });
  for (const tokenizer of [sentencePieceTokenizer(plain), unused]) {
    for (const unit of ['a', 'theriverthecats', '日', '👍', ' ', '\n']) {
      const text = unit.repeat(50_000 / unit.length);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  }
});

describe('bad input', () => {
  const first = (change: Partial<Record<number, unknown>>, list: readonly unknown[]) =>
    list.map((value, i) => (i in change ? change[i] : value));
  test.each<[string, object | null, string, RegExp]>([
    ['nothing', null, 'malformed', /needs the lists/],
    ['no types', { types: undefined }, 'malformed', /needs the lists/],
    ['fewer scores', { scores: base.scores.slice(1) }, 'vocabulary', /600 tokens, 599 scores and 600 types/],
    ['fewer types', { types: [] }, 'vocabulary', /600 tokens, 600 scores and 0 types/],
    ['no unknown token', { unkId: undefined, types: first({ 3: 3 }, base.types) }, 'vocabulary', /no unknown token/],
    ['an id outside', { bosId: 600 }, 'vocabulary', /bosId is 600; .* 0 to 599/],
    ['half an id', { padId: 0.5 }, 'vocabulary', /padId is 0.5/],
    ['an unknown token outside', { unkId: -1 }, 'vocabulary', /unkId is -1/],
    ['<bos> wanted, but none there', { bosId: undefined }, 'vocabulary', /no bosId/],
    ['<eos> wanted, but none there', { eosId: undefined, addEos: true }, 'vocabulary', /no eosId/],
    ['a token twice', { tokens: first({ 400: base.tokens[300] }, base.tokens) }, 'vocabulary', /400, .* id 300/],
    ['a token that is no text', { tokens: first({ 400: 7 }, base.tokens) }, 'vocabulary', /token 400 is no text/],
    [
      'a score that is no number',
      { scores: first({ 400: Number.NaN }, base.scores) },
      'vocabulary',
      /score of token 400/,
    ],
    ['an unknown type', { types: first({ 400: 7 }, base.types) }, 'vocabulary', /400, .* has type 7/],
    ['a byte that is none', { types: first({ 400: 6 }, base.types) }, 'vocabulary', /400, .* type byte/],
    ['an endless piece', { tokens: first({ 400: 'a'.repeat(600) }, base.tokens) }, 'unsupported', /600 characters/],
  ])('%s', (_, change, code, message) => {
    const load = () => sentencePieceTokenizer((change && { ...plain, ...change }) as SentencePieceVocabulary);
    expect(load).toThrow(TokenizerError);
    expect(load).toThrow(message);
    expect(load).toThrow(expect.objectContaining({ code }));
  });
  test('a byte that is missing is told when a text needs it', () => {
    const at = base.tokens.indexOf('<0xF0>');
    const tokenizer = sentencePieceTokenizer({ ...plain, types: first({ [at]: 3 }, base.types) as number[] });
    expect(tokenizer.decode(tokenizer.encode('the bridge'))).toBe('the bridge');
    expect(() => tokenizer.encode('a 👍')).toThrow(/no token covers "👍".*<0xF0>/);
    expect(() => tokenizer.encode('a 👍')).toThrow(TokenizerError);
    expect(tokenizer.decode(tokenizer.encode('the bridge'))).toBe('the bridge');
  });
  test('a lone surrogate counts as U+FFFD', () => {
    const tokenizer = sentencePieceTokenizer(plain);
    expect(tokenizer.encode('a\ud83d b')).toEqual(tokenizer.encode('a\ufffd b'));
  });
});

describe('a tokenizer.json of it', () => {
  test('cuts the texts as SentencePiece does', () => {
    const tokenizer = loadTokenizer(tokenizerJson(plain));
    // a U+2581 of the text itself may be part of a token of two spaces there, and is none here
    const { rows: all } = cases.find(({ name }) => name === 'plain')!;
    const rows = all.filter(([text]) => !CONTROL.test(text) && !text.includes('\u2581'));
    expect(rows.length).toBeGreaterThan(40);
    for (const [text, ids] of rows) expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.encode('the river', { addSpecialTokens: true })[0]).toBe(2);
  });

  test('says what it cannot say', () => {
    expect(() => tokenizerJson({ ...plain, addSpacePrefix: true })).toThrow('a space in front');
    const { scores, types } = cases.find(({ name }) => name.includes('equal'))!;
    const equal = { ...plain, scores: change(base.scores, scores), types: change(base.types, types) };
    expect(() => tokenizerJson(equal)).toThrow('two pieces of one score');
  });
});
