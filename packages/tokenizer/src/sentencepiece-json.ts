/** @file A SentencePiece vocabulary as a tokenizer.json, as transformers converts it (convert_slow_tokenizer.py). */

import { TokenizerError } from './error.js';
import type { SentencePieceVocabulary } from './sentencepiece-vocabulary.js';

const [NORMAL, CONTROL, USER_DEFINED] = [1, 3, 4];
/** SentencePiece writes a space as this. */
const SPACE = '\u2581';

/**
 * The text of a tokenizer.json that cuts texts as the vocabulary does, for the Hugging Face tools and `loadTokenizer`. A
 * merge is each way to cut a piece in two pieces, the piece of the highest score first.
 * @throws TokenizerError (`unsupported`) for what a tokenizer.json cannot say: two pieces of one score, whose place in
 * the text decides, unused pieces, or a space in front of a text.
 * @example
 * ```ts
 * const tokenizer = loadTokenizer(tokenizerJson(vocabulary));
 * ```
 */
export function tokenizerJson(source: SentencePieceVocabulary): string {
  const { tokens, scores, types, bosId, eosId, padId } = source;
  const unkId = source.unkId ?? Array.prototype.indexOf.call(types, 2);
  if (source.addSpacePrefix) throw unsupported('a space in front of a text');
  if (Array.prototype.includes.call(types, 5)) throw unsupported('unused pieces');
  const special = new Set([bosId, eosId, padId, unkId]);
  const added = tokens.flatMap((content, id) => {
    const isControl = types[id] === CONTROL || special.has(id);
    if (!isControl && types[id] !== USER_DEFINED) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: isControl }];
  });
  const template = (type_id: number, sequence: 'A' | 'B') => [
    ...(source.addBos ? [{ SpecialToken: { id: tokens[bosId!], type_id } }] : []),
    { Sequence: { id: sequence, type_id } },
    ...(source.addEos ? [{ SpecialToken: { id: tokens[eosId!], type_id } }] : []),
  ];
  const named = [...(source.addBos ? [bosId!] : []), ...(source.addEos ? [eosId!] : [])];
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: template(0, 'A'),
      pair: [...template(0, 'A'), ...template(1, 'B')],
      special_tokens: Object.fromEntries(
        named.map((id) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
      ),
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: tokens[unkId],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: mergesOf(tokens, scores, types),
    },
  });
}

function mergesOf(tokens: readonly string[], scores: ArrayLike<number>, types: ArrayLike<number>): [string, string][] {
  const isPiece = new Set(tokens.filter((_, id) => types[id] === NORMAL));
  const made = tokens.flatMap((token, id) => (types[id] === NORMAL && [...token].length > 1 ? [id] : []));
  made.sort((a, b) => scores[b] - scores[a]);
  return made.flatMap((id, rank) => {
    const cuts = cutsOf(tokens[id], isPiece);
    const before = made[rank - 1];
    if (cuts.length && before !== undefined && scores[before] === scores[id])
      throw unsupported('two pieces of one score');
    return cuts;
  });
}

/** The ways to cut a piece in two pieces. */
function cutsOf(piece: string, isPiece: ReadonlySet<string>): [string, string][] {
  const cuts: [string, string][] = [];
  let at = 0;
  for (const character of piece) {
    if (at > 0) {
      const [left, right] = [piece.slice(0, at), piece.slice(at)];
      if (isPiece.has(left) && isPiece.has(right)) cuts.push([left, right]);
    }
    at += character.length;
  }
  return cuts;
}

function unsupported(what: string): TokenizerError {
  return new TokenizerError('unsupported', `vocabulary: a tokenizer.json cannot say ${what}`);
}
