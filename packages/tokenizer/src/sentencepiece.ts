/** @file A tokenizer of a SentencePiece BPE vocabulary: pieces, scores and kinds, as a GGUF file holds them. */

import { type AddedTokenMatcher, compileAddedTokens, looksControl } from './added-tokens.js';
import { buildAdjacency } from './adjacency.js';
import { Bpe } from './bpe.js';
import { decodeEach, joinBytes } from './decoder.js';
import { buildScoreMerges } from './score-merges.js';
import { checkVocabulary, type SentencePieceVocabulary } from './sentencepiece-vocabulary.js';
import { Tokenizer } from './tokenizer.js';
import type { AddedToken } from './tokenizer-json.js';
import { createUnfold } from './unfold.js';

/** SentencePiece writes a space as this. */
const SPACE = '\u2581';

/**
 * Makes a tokenizer of the vocabulary that a GGUF file holds. Ids equal SentencePiece's for a model with byte fallback
 * and no normalisation (Gemma, Llama 2, Mistral).
 *
 * - User-defined tokens are cut out of a text, the longest first.
 * - Control tokens are cut out too. With `splitSpecialTokens` they are read as text, which SentencePiece always does. The
 *   option holds for `<start_of_…>`, `<end_of_…>`, `<|…|>`, `<|…>` and `<…|>` as well: some files list them as user-defined.
 * - With `addSpacePrefix` each stretch of text between control tokens gets a space in front. Decoding takes the first
 *   one off again.
 *
 * @throws TokenizerError (`vocabulary`) when the lists differ in length, a token is there twice, there is no unknown
 *   token, an id is outside the vocabulary, or a score or a kind is none; `encode` throws it where a text needs a byte
 *   token that is missing.
 * @example
 * ```ts
 * const tokenizer = sentencePieceTokenizer(vocabulary); // as read from a GGUF file
 * tokenizer.encode('Which answer is better?', { addSpecialTokens: true }); // Int32Array, <bos> first
 * ```
 */
export function sentencePieceTokenizer(source: SentencePieceVocabulary): Tokenizer {
  const checked = checkVocabulary(source);
  const { vocabulary, scores, isPiece, isUnused, controlIds, userDefinedIds } = checked;
  const { table, characters, isMade } = buildScoreMerges(vocabulary, scores, isPiece);
  const unfold = createUnfold(
    vocabulary,
    isUnused.map((unused, id) => unused & isMade[id]),
    characters,
  );
  const { tokens } = vocabulary.index;
  // How an unused piece unfolds depends on the whole text: words may not be encoded one by one.
  const adjacency = unfold?.visit
    ? null
    : buildAdjacency(
        tokens.map((token, id) => (isPiece[id] ? token : undefined)),
        false,
      );
  const prefix = source.addSpacePrefix ? SPACE : '';
  const toPieces = (text: string) => text.replaceAll(' ', SPACE);
  const token = (id: number, normalized: boolean, special: boolean): AddedToken => {
    return { id, content: tokens[id]!, single_word: false, lstrip: false, rstrip: false, normalized, special };
  };
  const control = controlIds.map((id) => token(id, false, true));
  const userDefined = userDefinedIds.map((id) => token(id, true, looksControl(tokens[id]!)));
  const { bosId = null, eosId = null, padId = null } = source;

  return new Tokenizer({
    vocabulary,
    bpe: new Bpe(vocabulary, table, adjacency, false, unfold),
    normalizer: (text) => (text === '' ? '' : prefix + toPieces(text)),
    preTokenizer: (text) => [text],
    keepsPlaces: prefix === '',
    template: template(source),
    decoder: (texts) => {
      const pieces = texts.map((text) => text.replaceAll(SPACE, ' '));
      const text = joinBytes(pieces, decodeEach).join('');
      return [prefix !== '' && text.startsWith(' ') ? text.slice(1) : text];
    },
    addedTokens: [...control, ...userDefined].sort((a, b) => a.id - b.id),
    rawMatcher: switchedMatcher(control, (content) => content),
    normalizedMatcher: switchedMatcher(userDefined, toPieces),
    decodedTexts: new Map(),
    bosTokenId: bosId,
    eosTokenId: eosId,
    padTokenId: padId,
    unkTokenId: checked.unkId,
  });
}

/** A matcher to which special tokens that are to be read as text are not there at all. */
function switchedMatcher(tokens: AddedToken[], toText: (content: string) => string): AddedTokenMatcher {
  const compile = (some: AddedToken[]) =>
    compileAddedTokens(
      some,
      some.map((token) => toText(token.content)),
    );
  const all = compile(tokens);
  const plain = compile(tokens.filter((token) => !token.special));
  return {
    size: tokens.length,
    segments: (text, isText) => (isText ? plain : all).segments(text, isText),
  };
}

function template({ addBos, addEos, bosId, eosId }: SentencePieceVocabulary) {
  const before = addBos ? [[bosId!]] : [];
  const after = addEos ? [[eosId!]] : [];
  const single = [...before, 'A' as const, ...after];
  return { single, pair: [...single, ...before, 'B' as const, ...after] };
}
