/** @file The fast merges against the definition of BPE, on random vocabularies and texts. */
import { loadTokenizer } from '@arena/tokenizer';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const byteToken = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/** A tokenizer.json over an alphabet with random merges: tokens may have "▁" inside, unlike Gemma's. */
function randomFile(alphabet: string[], picks: number[]) {
  const tokens = ['<unk>', ...Array.from({ length: 256 }, (_, byte) => byteToken(byte)), ...alphabet];
  const mergeable = [...alphabet, byteToken(0xe2), byteToken(0x82)].slice(
    0,
    picks[0] % 2 ? undefined : alphabet.length,
  );
  const merges: string[] = [];
  for (let i = 0; i + 1 < picks.length; i += 2) {
    const left = mergeable[picks[i] % mergeable.length];
    const right = mergeable[picks[i + 1] % mergeable.length];
    const merge = `${left} ${right}`;
    if (left.length + right.length > 12 || merges.includes(merge)) continue;
    if (!tokens.includes(left + right)) {
      tokens.push(left + right);
      mergeable.push(left + right);
    }
    merges.push(merge);
  }
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return {
    added_tokens: [],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', byte_fallback: true, unk_token: '<unk>', vocab, merges },
  };
}

/** BPE as defined: the leftmost pair of the lowest rank, again and again. */
function slowBpe({ model }: ReturnType<typeof randomFile>, text: string): number[] {
  const ranks = new Map(model.merges.map((merge, rank) => [merge, rank]));
  const symbols = [...text.replaceAll(' ', '▁')].flatMap((character) =>
    character in model.vocab ? [character] : [...new TextEncoder().encode(character)].map(byteToken),
  );
  for (;;) {
    let best = -1;
    let lowest = Number.POSITIVE_INFINITY;
    for (let i = 0; i + 1 < symbols.length; i++) {
      const rank = ranks.get(`${symbols[i]} ${symbols[i + 1]}`) ?? Number.POSITIVE_INFINITY;
      if (rank < lowest) [best, lowest] = [i, rank];
    }
    if (best < 0) return symbols.map((symbol) => model.vocab[symbol]);
    symbols.splice(best, 2, symbols[best] + symbols[best + 1]);
  }
}

const alphabets = [
  ['▁', 'a', 'b', 'c'],
  ['▁', 'a', '的', '😀', '\n'],
  ['x', 'y'],
];

test('equals the definition for random merges and texts', () => {
  const picks = fc.array(fc.nat(1000), { minLength: 2, maxLength: 120 });
  const units = fc.array(fc.constantFrom('a', 'b', 'c', ' ', '的', '😀', '\n', 'x', 'y', '€', '🤖', '\u0301'), {
    maxLength: 150,
  });
  fc.assert(
    fc.property(
      fc.constantFrom(...alphabets),
      picks,
      fc.array(units, { minLength: 1, maxLength: 4 }),
      (alphabet, numbers, texts) => {
        const file = randomFile(alphabet, numbers);
        const tokenizer = loadTokenizer(file);
        // Twice, so that the second pass comes from the word cache.
        for (const text of [...texts, ...texts].map((list) => list.join(''))) {
          expect([...tokenizer.encode(text)]).toEqual(slowBpe(file, text));
        }
      },
    ),
    { numRuns: 300, seed: 11 },
  );
});

test('a lone surrogate counts as U+FFFD, as in UTF-8', () => {
  const tokenizer = loadTokenizer(randomFile(['▁', 'a'], [0, 1]));
  for (const text of ['a\ud83d', '\ude00a', '\ud83d\ud83d\ude00\ude00', '\ud800 a']) {
    expect([...tokenizer.encode(text)]).toEqual([
      ...tokenizer.encode(new TextDecoder().decode(new TextEncoder().encode(text))),
    ]);
  }
});

test('the word cache forgets when full and stays right', () => {
  const file = randomFile(['▁', 'a', 'b', 'c'], [0, 1, 1, 2, 2, 3, 4, 5]);
  const tokenizer = loadTokenizer(file);
  const word = (n: number) => `${n.toString(3).replaceAll('0', 'a').replaceAll('1', 'b').replaceAll('2', 'c')} `;
  for (let n = 0; n < 80_000; n++) tokenizer.encode(word(n) + word(n + 7));
  for (const n of [0, 5, 4000, 79_000]) expect([...tokenizer.encode(word(n))]).toEqual(slowBpe(file, word(n)));
});
