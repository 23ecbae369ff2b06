/// <reference lib="es2024.string" />
/** @file The tokenizer: added tokens, normaliser, pre-tokeniser, BPE, template, and the way back. */

import { type AddedTokenMatcher, compileAddedTokens } from './added-tokens.js';
import { buildAdjacency } from './adjacency.js';
import { Bpe, IdBuffer } from './bpe.js';
import { compileDecoder, type Decoder } from './decoder.js';
import { TokenizerError } from './error.js';
import { buildMergeTable } from './merge-table.js';
import { compileNormalizer, keepsPlaces, type Normalizer } from './normalizer.js';
import { compileTemplate, type Template, type TemplatePiece } from './post-processor.js';
import { compilePreTokenizer, type PreTokenizer } from './pre-tokenizer.js';
import { findToken } from './token-index.js';
import { type AddedToken, type ParsedTokenizer, parseTokenizerJson } from './tokenizer-json.js';
import { buildVocabulary, type Vocabulary } from './vocabulary.js';

/** How to encode. */
export interface EncodeOptions {
  /** Apply the file's template (Gemma: `<bos>` in front). Default false. */
  addSpecialTokens?: boolean;
  /** Read special tokens that occur in the text as plain text, so that user text cannot hold control tokens. Default false. */
  splitSpecialTokens?: boolean;
}

/** How to decode. */
export interface DecodeOptions {
  /** Leave special tokens out. Default false. */
  skipSpecialTokens?: boolean;
}

/** Names of the special tokens, as tokenizer_config.json has them; found by their usual names when not given. */
export interface SpecialTokenNames {
  bosToken?: string;
  eosToken?: string;
  padToken?: string;
}

const USUAL_NAMES = { bosToken: ['<bos>', '<s>'], eosToken: ['<eos>', '</s>'], padToken: ['<pad>'] };

/** A loaded tokenizer; make one with {@link loadTokenizer}. */
export class Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly padTokenId: number | null;
  readonly unkTokenId: number | null;
  /** Tokens of the file's `added_tokens`, in its order. */
  readonly addedTokens: readonly AddedToken[];

  private readonly vocabulary: Vocabulary;
  private readonly bpe: Bpe;
  private readonly normalizer: Normalizer;
  private readonly preTokenizer: PreTokenizer;
  private readonly keepsPlaces: boolean;
  private readonly template: Template;
  private readonly decoder: Decoder;
  private readonly rawMatcher: AddedTokenMatcher;
  private readonly normalizedMatcher: AddedTokenMatcher;
  private readonly specialIds: Set<number>;
  /** What a token that is matched in the normalised text decodes from: that text, as in tokenizers 0.23. */
  private readonly normalizedTexts: Map<number, string>;
  private readonly buffer = new IdBuffer();

  constructor({ file, vocab, merges }: ParsedTokenizer, names: SpecialTokenNames = {}) {
    const { model, added_tokens: added } = file;
    this.vocabulary = buildVocabulary(vocab, added);
    this.vocabSize = this.vocabulary.index.tokens.length;
    this.normalizer = compileNormalizer(file.normalizer);
    this.preTokenizer = compilePreTokenizer(file.pre_tokenizer);
    this.template = compileTemplate(file.post_processor);
    this.decoder = compileDecoder(file.decoder);
    const table = buildMergeTable(merges, this.vocabulary);
    this.keepsPlaces = keepsPlaces(file.normalizer) && !table.mergesBytes;
    const adjacency = buildAdjacency(this.vocabulary.index.tokens, table.mergesBytes);
    this.bpe = new Bpe(this.vocabulary, table, adjacency, model.ignore_merges === true);
    const raw = added.filter((token) => !token.normalized);
    const normalized = added.filter((token) => token.normalized);
    this.rawMatcher = compileAddedTokens(
      raw,
      raw.map((token) => token.content),
    );
    this.normalizedMatcher = compileAddedTokens(
      normalized,
      normalized.map((token) => this.normalizer(token.content)),
    );
    this.normalizedTexts = new Map(normalized.map((token) => [token.id, this.normalizer(token.content)]));
    this.addedTokens = added;
    this.specialIds = new Set(added.filter((token) => token.special).map((token) => token.id));
    this.bosTokenId = this.specialId('bosToken', names);
    this.eosTokenId = this.specialId('eosToken', names);
    this.padTokenId = this.specialId('padToken', names);
    this.unkTokenId = model.unk_token ? this.tokenToId(model.unk_token) : null;
  }

  /** Token ids of a text of any length; a lone surrogate counts as U+FFFD. */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    return this.encodeView(text, options).slice();
  }

  /** The same in memory that the next call to this tokenizer overwrites: for a caller that copies what it needs at once. */
  encodeView(text: string, { addSpecialTokens = false, splitSpecialTokens = false }: EncodeOptions = {}): Int32Array {
    this.buffer.length = 0;
    this.fill(this.template.single, [text], addSpecialTokens, splitSpecialTokens);
    return this.buffer.ids.subarray(0, this.buffer.length);
  }

  /** Token ids of two texts, placed as the file's pair template says. */
  encodePair(
    a: string,
    b: string,
    { addSpecialTokens = false, splitSpecialTokens = false }: EncodeOptions = {},
  ): Int32Array {
    this.buffer.length = 0;
    this.fill(this.template.pair, [a, b], addSpecialTokens, splitSpecialTokens);
    return this.buffer.ids.slice(0, this.buffer.length);
  }

  /**
   * Token ids with the stretch of the text that each stands for. Byte tokens of one character share its stretch, and
   * tokens of the template have an empty one at 0, as in Hugging Face's library (which counts code points).
   *
   * @returns ids [n], offsets [2n]: start and end of each token in UTF-16 code units of `text`
   * @throws TokenizerError where the file's normaliser or pre-tokeniser moves characters
   */
  encodeWithOffsets(
    text: string,
    { addSpecialTokens = false, splitSpecialTokens = false }: EncodeOptions = {},
  ): { ids: Int32Array; offsets: Int32Array } {
    if (!this.keepsPlaces) throw new TokenizerError('offsets: the normalizer of this tokenizer.json moves characters');
    const { buffer } = this;
    buffer.length = 0;
    const spans: number[] = [];
    const put = (id: number, start: number, end: number) => {
      buffer.push(id);
      spans.push(start, end);
    };
    for (const piece of this.template.single) {
      if (piece === 'B') continue;
      if (piece !== 'A') {
        if (addSpecialTokens) for (const id of piece) put(id, 0, 0);
        continue;
      }
      const wellFormed = text.toWellFormed();
      for (const raw of this.rawMatcher.segments(wellFormed, splitSpecialTokens)) {
        if (raw.token) {
          put(raw.token.id, raw.start, raw.end);
          continue;
        }
        const normal = this.normalizer(wellFormed.slice(raw.start, raw.end));
        for (const segment of this.normalizedMatcher.segments(normal, splitSpecialTokens)) {
          if (segment.token) put(segment.token.id, raw.start + segment.start, raw.start + segment.end);
          else this.putPieces(normal.slice(segment.start, segment.end), raw.start + segment.start, spans);
        }
      }
    }
    return { ids: buffer.ids.slice(0, buffer.length), offsets: Int32Array.from(spans) };
  }

  /** The text of some ids; ids outside the vocabulary are left out, as in Hugging Face's library. */
  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.normalizedTexts.get(ids[i]) ?? this.vocabulary.index.tokens[ids[i]];
      if (token !== undefined && !(skipSpecialTokens && this.specialIds.has(ids[i]))) tokens.push(token);
    }
    return this.decoder(tokens).join('');
  }

  /** Id of a token, or null. */
  tokenToId(token: string): number | null {
    const id = findToken(this.vocabulary.index, token);
    return id < 0 ? null : id;
  }

  /** Token of an id, or null. */
  idToToken(id: number): string | null {
    return this.vocabulary.index.tokens[id] ?? null;
  }

  private fill(pieces: TemplatePiece[], texts: string[], addSpecialTokens: boolean, splitSpecialTokens: boolean): void {
    for (const piece of pieces) {
      if (piece === 'A') this.appendText(texts[0], splitSpecialTokens);
      else if (piece === 'B') this.appendText(texts[1], splitSpecialTokens);
      else if (addSpecialTokens) for (const id of piece) this.buffer.push(id);
    }
  }

  private appendText(text: string, splitSpecial: boolean): void {
    const wellFormed = text.toWellFormed();
    for (const segment of this.rawMatcher.segments(wellFormed, splitSpecial)) {
      if (segment.token) this.buffer.push(segment.token.id);
      else this.appendNormalized(this.normalizer(wellFormed.slice(segment.start, segment.end)), splitSpecial);
    }
  }

  private appendNormalized(text: string, splitSpecial: boolean): void {
    if (this.normalizedMatcher.size === 0) {
      this.appendPieces(text);
      return;
    }
    for (const segment of this.normalizedMatcher.segments(text, splitSpecial)) {
      if (segment.token) this.buffer.push(segment.token.id);
      else this.appendPieces(text.slice(segment.start, segment.end));
    }
  }

  private appendPieces(text: string): void {
    for (const piece of this.preTokenizer(text)) this.bpe.encode(piece, this.buffer);
  }

  /** Encodes a normalised text that begins at `start` of the whole, and appends the stretch of each token. */
  private putPieces(text: string, start: number, spans: number[]): void {
    const { index, byteIds } = this.vocabulary;
    const pieces = this.preTokenizer(text);
    if (pieces.join('') !== text)
      throw new TokenizerError('offsets: the pre_tokenizer of this tokenizer.json removes characters');
    let at = start;
    for (const piece of pieces) {
      let i = this.buffer.length;
      this.bpe.encode(piece, this.buffer);
      while (i < this.buffer.length) {
        const id = this.buffer.ids[i];
        const byte = byteIds.indexOf(id);
        // A first byte tells how many bytes the character has; four make two code units.
        const bytes = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        const units = byte < 0 ? index.tokens[id]!.length : bytes === 4 ? 2 : 1;
        for (let k = 0; k < bytes; k++) spans.push(at, at + units);
        at += units;
        i += bytes;
      }
    }
  }

  private specialId(role: keyof typeof USUAL_NAMES, names: SpecialTokenNames): number | null {
    const given = names[role];
    const name = given ?? USUAL_NAMES[role].find((usual) => this.tokenToId(usual) !== null);
    if (name === undefined) return null;
    const id = this.tokenToId(name);
    if (id === null)
      throw new TokenizerError(`${role} ${JSON.stringify(name)} is not in the vocabulary; check tokenizer_config.json`);
    return id;
  }
}

/**
 * Loads a tokenizer.json (its text, bytes or parsed content) of a byte-fallback BPE: Gemma, Llama 2, Mistral, TinyLlama.
 *
 * Results equal those of Hugging Face's tokenizers 0.23, id for id.
 *
 * @throws TokenizerError when the file is not there (null), is damaged or uses a part that is not supported.
 */
export function loadTokenizer(json: object | string | Uint8Array, names: SpecialTokenNames = {}): Tokenizer {
  return new Tokenizer(parseTokenizerJson(json), names);
}
