/** @file A tokenizer.json as the SentencePiece vocabulary that it was converted from: the other way is sentencepiece-json.ts. */

import { TokenizerError } from './error.js';
import { loadTokenizer } from './load-tokenizer.js';
import type { MergeList } from './merge-list.js';
import type { SentencePieceVocabulary } from './sentencepiece-vocabulary.js';
import { type Component, parseTokenizerJson, stringPattern } from './tokenizer-json.js';
import { buildVocabulary } from './vocabulary.js';

const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE] = [1, 2, 3, 4, 6];
const BYTE_TOKEN = /^<0x[0-9A-F]{2}>$/;
/** SentencePiece writes a space as this. */
const SPACE = '\u2581';

/**
 * The vocabulary that cuts texts as a tokenizer.json does, for a GGUF file: a piece's score is the rank of the merges that make it.
 * Runs of more white space than the longest token of it (31 in Gemma) are cut as SentencePiece cuts them, the longest first.
 * @param json its text, bytes or parsed content
 * @throws TokenizerError (`unsupported`) when scores cannot say the file's merges: a piece that some of its cuts in two pieces do
 * not make, or make at another rank. Files that were converted from a SentencePiece model (Gemma's) have neither.
 * @example
 * const vocabulary = sentencePieceVocabulary(await readFile('gemma-2-2b/tokenizer.json'));
 */
export function sentencePieceVocabulary(json: object | string | Uint8Array): SentencePieceVocabulary {
  const { file, vocab, merges } = parseTokenizerJson(json);
  const { model, added_tokens: added } = file;
  if (model.ignore_merges) throw unsupported('words that are taken whole before merges (ignore_merges)');
  if (!onlySpaces(file.normalizer, file.pre_tokenizer)) {
    throw unsupported(`a normalizer or pre_tokenizer other than Gemma's, which writes a space as ${SPACE}`);
  }
  const texts = buildVocabulary(vocab, added).index.tokens;
  const tokens = Array.from(texts, (text: string | undefined, id) => text ?? `[UNUSED${id}]`);
  const types = Int32Array.from(tokens, (token) => (BYTE_TOKEN.test(token) ? BYTE : NORMAL));
  for (const { id, special } of added) types[id] = special ? CONTROL : USER_DEFINED;
  const unkId = tokens.indexOf(model.unk_token ?? '');
  if (unkId < 0) throw unsupported('a file without an unknown token');
  types[unkId] = UNKNOWN;
  const scores = scoresOf(tokens, types, merges);
  for (const { id, content } of added) if (types[id] === USER_DEFINED) tokens[id] = content.replaceAll(SPACE, ' ');
  return { tokens, scores, types, unkId, addSpacePrefix: false, ...frameOf(json) };
}

/** Which special tokens the file puts around a text. */
function frameOf(json: object | string | Uint8Array) {
  const tokenizer = loadTokenizer(json);
  const { bosTokenId, eosTokenId, padTokenId } = tokenizer;
  const around = Array.from(tokenizer.encode('', { addSpecialTokens: true }));
  const addBos = around.length > 0 && around[0] === bosTokenId;
  const addEos = around.length > Number(addBos) && around.at(-1) === eosTokenId;
  if (around.length !== Number(addBos) + Number(addEos))
    throw unsupported('a template other than bos and eos around a text');
  return {
    bosId: bosTokenId ?? undefined,
    eosId: eosTokenId ?? undefined,
    padId: padTokenId ?? undefined,
    addBos,
    addEos,
  };
}

/** Whether all that happens before the merges is that a space is written as U+2581. */
function onlySpaces(normalizer: Component | null, preTokenizer: Component | null): boolean {
  if (normalizer?.type !== 'Replace' || normalizer.content !== SPACE) return false;
  if (stringPattern(normalizer, 'normalizer') !== ' ') return false;
  // after the normalizer there is no space left to split at
  return (
    preTokenizer === null || (preTokenizer.type === 'Split' && stringPattern(preTokenizer, 'pre_tokenizer') === ' ')
  );
}

/**
 * 0 for the piece that is merged first, then -1 and so on [tokens]. SentencePiece makes a piece of any two that stand side by side:
 * each cut of it must be a merge, and at its place.
 */
function scoresOf(tokens: readonly string[], types: Int32Array, merges: MergeList): Float32Array {
  const ids = new Map(tokens.flatMap((token, id) => (types[id] === NORMAL ? [[token, id] as const] : [])));
  const scores = new Float32Array(tokens.length);
  const cuts = new Int32Array(tokens.length);
  let [last, made] = [-1, 0];
  merges.forEach((text, start, gap, end) => {
    const [left, right] = [text.slice(start, gap), text.slice(gap + 1, end)];
    const id = ids.get(left + right);
    // what user-defined tokens and bytes would make is cut out before
    if (id === undefined || !ids.has(left) || !ids.has(right)) return;
    if (id !== last) {
      if (cuts[id]) throw unsupported(`two ranks of merges that make ${JSON.stringify(left + right)}`);
      scores[id] = 0 - made++;
      last = id;
    }
    cuts[id]++;
  });
  for (const [piece, id] of ids) {
    if (cuts[id]) {
      const count = countCuts(piece, ids);
      if (cuts[id] !== count)
        throw unsupported(`${cuts[id]} merges for ${JSON.stringify(piece)}, which two pieces make in ${count} ways`);
    } else {
      if (countCuts(piece, ids)) throw unsupported(`no merge for ${JSON.stringify(piece)}, which two pieces make`);
      scores[id] = 0 - made;
    }
  }
  return scores;
}

/** In how many ways two pieces make this one. */
function countCuts(piece: string, ids: ReadonlyMap<string, number>): number {
  let count = 0;
  let at = 0;
  for (const character of piece) {
    if (at > 0 && ids.has(piece.slice(0, at)) && ids.has(piece.slice(at))) count++;
    at += character.length;
  }
  return count;
}

function unsupported(what: string): TokenizerError {
  return new TokenizerError(
    'unsupported',
    `tokenizer.json: the scores of a SentencePiece vocabulary cannot say ${what}`,
  );
}
