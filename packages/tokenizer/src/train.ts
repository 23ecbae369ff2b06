/// <reference lib="es2024.string" />
/**
 * @file Trains a small byte-fallback BPE and gives it as a tokenizer.json in Gemma's layout.
 *
 * For vocabularies of some thousand tokens (examples, tests, toy models): each merge looks through all pairs. The file
 * loads in Hugging Face's tokenizers as well.
 */

import { TokenizerError } from './error.js';
import type { AddedToken, TokenizerJson } from './tokenizer-json.js';
import { byteToken } from './vocabulary.js';

/** What to train. */
interface TrainBpeOptions {
  /** Number of tokens in all: special, 256 bytes, characters, merges. Default 1500. */
  vocabSize?: number;
  /** In id order; `<pad>`, `<eos>`, `<bos>` and `<unk>` must be among them. */
  specialTokens?: string[];
  /** A character or pair seen less often gets no token. Default 2. */
  minFrequency?: number;
}

const SPECIAL_TOKENS = ['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>'];
/** Longer stretches without a space teach nothing and cost time. */
const MAX_WORD_CHARS = 64;

interface Word {
  symbols: number[];
  count: number;
}

interface Pair {
  left: number;
  right: number;
  count: number;
  /** Indices of words that hold, or once held, the pair. */
  words: Set<number>;
}

/**
 * Trains a BPE on texts: the most frequent pair of neighbours within a word becomes a token, again and again.
 *
 * A word starts at a space (written "▁") or a line break; equal counts go by ids, so the result is the same every time.
 *
 * @throws TokenizerError when vocabSize has no room for the special tokens and the bytes.
 * @example
 * ```ts
 * const tokenizer = loadTokenizer(trainBpe(['some text', 'some more text'], { vocabSize: 300 }));
 * ```
 */
export function trainBpe(
  texts: Iterable<string>,
  { vocabSize = 1500, specialTokens = SPECIAL_TOKENS, minFrequency = 2 }: TrainBpeOptions = {},
): TokenizerJson {
  for (const token of SPECIAL_TOKENS.slice(0, 4)) {
    if (!specialTokens.includes(token)) throw new TokenizerError('argument', `specialTokens lacks ${token}`);
  }
  const tokens = [...specialTokens, ...Array.from({ length: 256 }, (_, byte) => byteToken(byte))];
  const reserved = new Set(tokens);
  if (reserved.size !== tokens.length)
    throw new TokenizerError('argument', 'specialTokens holds a token twice, or a byte token');
  if (vocabSize < tokens.length + 1) {
    throw new TokenizerError(
      'argument',
      `vocabSize ${vocabSize} is too small: ${specialTokens.length} special tokens and 256 bytes need at least ${tokens.length + 1}`,
    );
  }
  const counts = countWords(texts);
  tokens.push(...alphabet(counts, minFrequency, Math.ceil((vocabSize - tokens.length) / 2)));
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const words = toWords(counts, ids);
  const pairs = new Map<number, Pair>();
  for (const [index, word] of words.entries()) countPairs(pairs, word, index, 1);

  const merges: string[] = [];
  while (tokens.length < vocabSize) {
    const best = mostFrequent(pairs);
    if (!best || best.count < minFrequency) break;
    const text = tokens[best.left] + tokens[best.right];
    if (reserved.has(text)) {
      pairs.delete(pairKey(best.left, best.right)); // a special token is never made of its letters
      continue;
    }
    merges.push(`${tokens[best.left]} ${tokens[best.right]}`);
    let product = ids.get(text); // known when another pair made the same text before
    if (product === undefined) {
      product = tokens.push(text) - 1;
      ids.set(text, product);
    }
    for (const index of best.words) {
      countPairs(pairs, words[index], index, -1);
      replacePair(words[index], best.left, best.right, product);
      countPairs(pairs, words[index], index, 1);
    }
    pairs.delete(pairKey(best.left, best.right));
  }
  return gemmaLayout(tokens, merges, specialTokens);
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const normal = text.toWellFormed().replaceAll(' ', '▁');
    for (const [stretch] of normal.matchAll(/\n+|▁*[^▁\n]+|▁+/g)) {
      const points = [...stretch];
      for (let from = 0; from < points.length; from += MAX_WORD_CHARS) {
        const word = points.slice(from, from + MAX_WORD_CHARS).join('');
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
  }
  return counts;
}

/** Characters by falling count; "▁" and the line break always. */
function alphabet(counts: Map<string, number>, minFrequency: number, room: number): string[] {
  const seen = new Map([
    ['▁', Number.MAX_SAFE_INTEGER],
    ['\n', Number.MAX_SAFE_INTEGER - 1],
  ]);
  for (const [word, count] of counts) {
    for (const character of word)
      if (character !== '▁' && character !== '\n') seen.set(character, (seen.get(character) ?? 0) + count);
  }
  const frequent = [...seen].filter(([, count]) => count >= minFrequency);
  frequent.sort((a, b) => b[1] - a[1] || a[0].codePointAt(0)! - b[0].codePointAt(0)!);
  return frequent.slice(0, room).map(([character]) => character);
}

/** Words as symbols. A character without a token (it becomes bytes) ends a word. Sorted: input order does not matter. */
function toWords(counts: Map<string, number>, ids: Map<string, number>): Word[] {
  const words: Word[] = [];
  const sorted = [...counts].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  for (const [text, count] of sorted) {
    let symbols: number[] = [];
    for (const character of text) {
      const id = ids.get(character);
      if (id !== undefined) symbols.push(id);
      else {
        if (symbols.length > 1) words.push({ symbols, count });
        symbols = [];
      }
    }
    if (symbols.length > 1) words.push({ symbols, count });
  }
  return words;
}

/** Adds (`sign` 1) or takes off (-1) what a word gives to the counts. */
function countPairs(pairs: Map<number, Pair>, { symbols, count }: Word, index: number, sign: 1 | -1): void {
  for (let i = 1; i < symbols.length; i++) {
    const key = pairKey(symbols[i - 1], symbols[i]);
    let pair = pairs.get(key);
    if (!pair) {
      if (sign < 0) continue; // dropped because it spells a special token
      pairs.set(key, (pair = { left: symbols[i - 1], right: symbols[i], count: 0, words: new Set() }));
    }
    pair.count += sign * count;
    if (sign > 0) pair.words.add(index);
  }
}

function mostFrequent(pairs: Map<number, Pair>): Pair | null {
  let best: Pair | null = null;
  for (const pair of pairs.values()) {
    if (
      !best ||
      pair.count > best.count ||
      (pair.count === best.count && pairKey(pair.left, pair.right) < pairKey(best.left, best.right))
    ) {
      best = pair;
    }
  }
  return best;
}

function replacePair(word: Word, left: number, right: number, product: number): void {
  const out: number[] = [];
  for (let i = 0; i < word.symbols.length; i++) {
    const match = word.symbols[i] === left && word.symbols[i + 1] === right;
    out.push(match ? product : word.symbols[i]);
    if (match) i++;
  }
  word.symbols = out;
}

function pairKey(left: number, right: number): number {
  return left * 2 ** 26 + right;
}

function gemmaLayout(tokens: string[], merges: string[], specialTokens: string[]): TokenizerJson {
  const bos = tokens.indexOf('<bos>');
  const special = { SpecialToken: { id: '<bos>', type_id: 0 } };
  const place = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map(
      (content, id): AddedToken => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }),
    ),
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [special, place('A', 0)],
      pair: [special, place('A', 0), { SpecialToken: { id: '<bos>', type_id: 1 } }, place('B', 1)],
      special_tokens: { '<bos>': { id: '<bos>', ids: [bos], tokens: ['<bos>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
