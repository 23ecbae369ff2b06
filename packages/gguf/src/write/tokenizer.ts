/** @file A SentencePiece vocabulary as metadata, as llama.cpp's `llama` tokenizer reads it. */
import { GgufError } from '../errors.js';
import { given, type MetadataPair, type MetadataValue } from './value.js';

/** Pieces, scores and kinds by id, and the special ids: `SentencePieceVocabulary` of `@arena/tokenizer` is one. */
export interface TokenizerContent {
  /** [tokens] */
  tokens: readonly string[];
  /** [tokens] */
  scores: ArrayLike<number>;
  /** [tokens] 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  types: ArrayLike<number>;
  bosId?: number;
  eosId?: number;
  unkId?: number;
  padId?: number;
  addBos: boolean;
  addEos: boolean;
  addSpacePrefix: boolean;
  /** How a chat is written, as a Jinja template. */
  chatTemplate?: string;
}

const UNUSED = 5;
/** Score of pieces that stand for no text, as llama.cpp's converter gives them. */
const UNUSED_SCORE = -10000;

/**
 * The keys `tokenizer.*` of a model.
 * @param rows Of the embedding: a vocabulary that is shorter gets unused pieces `[PAD123]` at its end.
 * @throws GgufError when the lists differ in length, or there are more tokens than rows.
 */
export function tokenizerPairs(tokenizer: TokenizerContent, rows: number, name: string): MetadataPair[] {
  const { tokens, scores, types, bosId, eosId, unkId, padId, addBos, addEos, addSpacePrefix, chatTemplate } = tokenizer;
  if (scores.length !== tokens.length || types.length !== tokens.length || tokens.length > rows) {
    const why = `${tokens.length} tokens, ${scores.length} scores and ${types.length} kinds for an embedding of ${rows} rows`;
    throw new GgufError('llama_cpp', why, name, { key: 'tokenizer.ggml.tokens' });
  }
  const spare = Array.from({ length: rows - tokens.length }, (_, i) => `[PAD${tokens.length + i}]`);
  const id = (value: number | undefined): MetadataValue | false => value !== undefined && ['u32', value];
  return given([
    ['tokenizer.ggml.model', ['string', 'llama']],
    ['tokenizer.ggml.pre', ['string', 'default']],
    ['tokenizer.ggml.tokens', ['strings', [...tokens, ...spare]]],
    ['tokenizer.ggml.scores', ['f32s', [...Array.from(scores), ...spare.map(() => UNUSED_SCORE)]]],
    ['tokenizer.ggml.token_type', ['i32s', [...Array.from(types), ...spare.map(() => UNUSED)]]],
    ['tokenizer.ggml.bos_token_id', id(bosId)],
    ['tokenizer.ggml.eos_token_id', id(eosId)],
    ['tokenizer.ggml.unknown_token_id', id(unkId)],
    ['tokenizer.ggml.padding_token_id', id(padId)],
    ['tokenizer.ggml.add_bos_token', ['bool', addBos]],
    ['tokenizer.ggml.add_eos_token', ['bool', addEos]],
    ['tokenizer.ggml.add_space_prefix', ['bool', addSpacePrefix]],
    ['tokenizer.chat_template', chatTemplate !== undefined && ['string', chatTemplate]],
  ]);
}
