/** @file A tokenizer of a tokenizer.json. */

import { compileAddedTokens } from './added-tokens.js';
import { buildAdjacency } from './adjacency.js';
import { Bpe } from './bpe.js';
import { compileDecoder } from './decoder.js';
import { TokenizerError } from './error.js';
import { buildMergeTable } from './merge-table.js';
import { compileNormalizer, keepsPlaces } from './normalizer.js';
import { compileTemplate } from './post-processor.js';
import { compilePreTokenizer } from './pre-tokenizer.js';
import { findToken } from './token-index.js';
import { Tokenizer } from './tokenizer.js';
import { parseTokenizerJson } from './tokenizer-json.js';
import { buildVocabulary } from './vocabulary.js';

/** Names of the special tokens, as tokenizer_config.json has them; found by their usual names when not given. */
interface SpecialTokenNames {
  bosToken?: string;
  eosToken?: string;
  padToken?: string;
}

const USUAL_NAMES = { bosToken: ['<bos>', '<s>'], eosToken: ['<eos>', '</s>'], padToken: ['<pad>'] };

/**
 * Loads a tokenizer.json of a byte-fallback BPE: Gemma, Llama 2, Mistral, TinyLlama.
 *
 * Ids equal those of Hugging Face's tokenizers 0.23.
 *
 * @param json its text, bytes or parsed content
 * @throws TokenizerError when the file is not there (null), is damaged or uses a part that is not supported.
 * @example
 * ```ts
 * const tokenizer = loadTokenizer(await readFile('gemma-2-2b/tokenizer.json'));
 * tokenizer.encode('Which answer is better?', { addSpecialTokens: true }); // Int32Array, <bos> first
 * ```
 */
export function loadTokenizer(json: object | string | Uint8Array, names: SpecialTokenNames = {}): Tokenizer {
  const { file, vocab, merges } = parseTokenizerJson(json);
  const { model, added_tokens: addedTokens } = file;
  const vocabulary = buildVocabulary(vocab, addedTokens);
  const normalizer = compileNormalizer(file.normalizer);
  const table = buildMergeTable(merges, vocabulary);
  const adjacency = buildAdjacency(vocabulary.index.tokens, table.mergesBytes);
  const raw = addedTokens.filter((token) => !token.normalized);
  const normalized = addedTokens.filter((token) => token.normalized);
  // As in tokenizers 0.23, a token that is matched in the normalised text decodes from that text.
  const normalizedTexts = normalized.map((token) => normalizer(token.content));

  const tokenId = (token: string) => {
    const id = findToken(vocabulary.index, token);
    return id < 0 ? null : id;
  };
  const specialId = (role: keyof SpecialTokenNames) => {
    const name = names[role] ?? USUAL_NAMES[role].find((usual) => tokenId(usual) !== null);
    if (name === undefined) return null;
    const id = tokenId(name);
    if (id !== null) return id;
    throw new TokenizerError(
      'argument',
      `${role} ${JSON.stringify(name)} is not in the vocabulary; check tokenizer_config.json`,
    );
  };

  return new Tokenizer({
    vocabulary,
    bpe: new Bpe(vocabulary, table, adjacency, model.ignore_merges === true),
    normalizer,
    preTokenizer: compilePreTokenizer(file.pre_tokenizer),
    keepsPlaces: keepsPlaces(file.normalizer) && !table.mergesBytes,
    template: compileTemplate(file.post_processor),
    decoder: compileDecoder(file.decoder),
    addedTokens,
    rawMatcher: compileAddedTokens(
      raw,
      raw.map((token) => token.content),
    ),
    normalizedMatcher: compileAddedTokens(normalized, normalizedTexts),
    decodedTexts: new Map(normalized.map((token, i) => [token.id, normalizedTexts[i]])),
    bosTokenId: specialId('bosToken'),
    eosTokenId: specialId('eosToken'),
    padTokenId: specialId('padToken'),
    unkTokenId: model.unk_token ? tokenId(model.unk_token) : null,
  });
}
