/// <reference lib="es2024.string" />
/** @file The tokenizer: added tokens, normaliser, pre-tokeniser, BPE, template, and the way back. */

import { type AddedTokenMatcher, type IsText, looksControl } from './added-tokens.js';
import { type Bpe, IdBuffer } from './bpe.js';
import type { Decoder } from './decoder.js';
import { TokenizerError } from './error.js';
import type { Normalizer } from './normalizer.js';
import type { Template, TemplatePiece } from './post-processor.js';
import type { PreTokenizer } from './pre-tokenizer.js';
import { findToken } from './token-index.js';
import type { AddedToken } from './tokenizer-json.js';
import type { Vocabulary } from './vocabulary.js';

/** How to encode. */
export interface EncodeOptions {
  /** Apply the template of the file (Gemma: `<bos>` in front). Default false. */
  addSpecialTokens?: boolean;
  /**
   * Read control tokens in the text as plain text, so that a user cannot write them: those that the file calls special, the
   * first, last, padding and unknown token, and `<start_of_…>`, `<end_of_…>`, `<|…|>`, `<|…>`, `<…|>` whatever it calls them.
   * Default false.
   */
  splitSpecialTokens?: boolean;
  /** With `splitSpecialTokens`: ids of further added tokens to read as text, such as those of a chat's frame. */
  textTokens?: readonly number[];
}

/** How to decode. */
export interface DecodeOptions {
  /** Leave special tokens out. Default false. */
  skipSpecialTokens?: boolean;
}

/** What a tokenizer is made of, whichever file it comes from. */
export interface TokenizerParts {
  vocabulary: Vocabulary;
  bpe: Bpe;
  normalizer: Normalizer;
  preTokenizer: PreTokenizer;
  /** Whether every code unit of the normal form stands at its place in the text, and no merge holds a byte. */
  keepsPlaces: boolean;
  template: Template;
  decoder: Decoder;
  addedTokens: readonly AddedToken[];
  /** Cuts added tokens out of the text as given. */
  rawMatcher: AddedTokenMatcher;
  /** Cuts added tokens out of the normalised text. */
  normalizedMatcher: AddedTokenMatcher;
  /** What added tokens decode from, where it is not their text. */
  decodedTexts: ReadonlyMap<number, string>;
  bosTokenId: number | null;
  eosTokenId: number | null;
  padTokenId: number | null;
  unkTokenId: number | null;
}

/**
 * A byte-fallback BPE. `loadTokenizer` makes one of a tokenizer.json, `sentencePieceTokenizer` makes one of the vocabulary
 * in a GGUF file.
 */
export class Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  readonly padTokenId: number | null;
  readonly unkTokenId: number | null;
  /** Tokens that are cut out of a text before the model sees the rest, in the file's order. */
  readonly addedTokens: readonly AddedToken[];

  private readonly specialIds: Set<number>;
  private readonly controlIds: Set<number>;
  private readonly buffer = new IdBuffer();

  constructor(private readonly parts: TokenizerParts) {
    const { vocabulary, addedTokens } = parts;
    this.vocabSize = vocabulary.index.tokens.length;
    this.bosTokenId = parts.bosTokenId;
    this.eosTokenId = parts.eosTokenId;
    this.padTokenId = parts.padTokenId;
    this.unkTokenId = parts.unkTokenId;
    this.addedTokens = addedTokens;
    this.specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
    const named = [parts.bosTokenId, parts.eosTokenId, parts.padTokenId, parts.unkTokenId];
    const isControl = ({ id, content, special }: AddedToken) => special || named.includes(id) || looksControl(content);
    this.controlIds = new Set(addedTokens.filter(isControl).map((token) => token.id));
  }

  /** Token ids of a text of any length; a lone surrogate counts as U+FFFD. */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    return this.encodeView(text, options).slice();
  }

  /** The same in memory that the next call to this tokenizer overwrites, for a caller that copies what it needs. */
  encodeView(text: string, options: EncodeOptions = {}): Int32Array {
    this.buffer.length = 0;
    this.fill(this.parts.template.single, [text], options);
    return this.buffer.ids.subarray(0, this.buffer.length);
  }

  /** Token ids of two texts, placed as the file's pair template says. */
  encodePair(a: string, b: string, options: EncodeOptions = {}): Int32Array {
    this.buffer.length = 0;
    this.fill(this.parts.template.pair, [a, b], options);
    return this.buffer.ids.slice(0, this.buffer.length);
  }

  /**
   * Token ids with the stretch of the text that each stands for. Byte tokens of one character share its stretch, and
   * tokens of the template have an empty one at 0, as in Hugging Face's library (which counts code points).
   *
   * @returns ids [n], offsets [2n]: start and end of each token in UTF-16 code units of `text`
   * @throws TokenizerError (`unsupported`) where the normaliser or pre-tokeniser moves characters
   */
  encodeWithOffsets(text: string, options: EncodeOptions = {}): { ids: Int32Array; offsets: Int32Array } {
    if (!this.parts.keepsPlaces)
      throw new TokenizerError('unsupported', 'offsets: the normaliser of this tokenizer moves characters');
    const { buffer } = this;
    const isText = this.readsAsText(options);
    buffer.length = 0;
    const spans: number[] = [];
    const put = (id: number, start: number, end: number) => {
      buffer.push(id);
      spans.push(start, end);
    };
    for (const piece of this.parts.template.single) {
      if (piece === 'B') continue;
      if (piece !== 'A') {
        if (options.addSpecialTokens) for (const id of piece) put(id, 0, 0);
        continue;
      }
      const wellFormed = text.toWellFormed();
      for (const raw of this.parts.rawMatcher.segments(wellFormed, isText)) {
        if (raw.token) {
          put(raw.token.id, raw.start, raw.end);
          continue;
        }
        const normal = this.parts.normalizer(wellFormed.slice(raw.start, raw.end));
        for (const segment of this.parts.normalizedMatcher.segments(normal, isText)) {
          if (segment.token) put(segment.token.id, raw.start + segment.start, raw.start + segment.end);
          else this.putPieces(normal.slice(segment.start, segment.end), raw.start + segment.start, spans, isText);
        }
      }
    }
    return { ids: buffer.ids.slice(0, buffer.length), offsets: Int32Array.from(spans) };
  }

  /** The text of some ids; ids outside the vocabulary are left out, as in Hugging Face's library. */
  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.parts.decodedTexts.get(ids[i]) ?? this.parts.vocabulary.index.tokens[ids[i]];
      if (token !== undefined && !(skipSpecialTokens && this.specialIds.has(ids[i]))) tokens.push(token);
    }
    return this.parts.decoder(tokens).join('');
  }

  /** Id of a token, or null. */
  tokenToId(token: string): number | null {
    const id = findToken(this.parts.vocabulary.index, token);
    return id < 0 ? null : id;
  }

  /** Token of an id, or null. */
  idToToken(id: number): string | null {
    return this.parts.vocabulary.index.tokens[id] ?? null;
  }

  /** Which tokens are read as text; undefined for none. */
  private readsAsText({ splitSpecialTokens, textTokens }: EncodeOptions): IsText | undefined {
    if (!splitSpecialTokens) return undefined;
    return (id) => this.controlIds.has(id) || textTokens?.includes(id) === true;
  }

  private fill(pieces: TemplatePiece[], texts: string[], options: EncodeOptions): void {
    const isText = this.readsAsText(options);
    for (const piece of pieces) {
      if (piece === 'A') this.appendText(texts[0], isText);
      else if (piece === 'B') this.appendText(texts[1], isText);
      else if (options.addSpecialTokens) for (const id of piece) this.buffer.push(id);
    }
  }

  private appendText(text: string, isText: IsText | undefined): void {
    const wellFormed = text.toWellFormed();
    for (const segment of this.parts.rawMatcher.segments(wellFormed, isText)) {
      if (segment.token) this.buffer.push(segment.token.id);
      else this.appendNormalized(this.parts.normalizer(wellFormed.slice(segment.start, segment.end)), isText);
    }
  }

  private appendNormalized(text: string, isText: IsText | undefined): void {
    if (this.parts.normalizedMatcher.size === 0) {
      this.appendPieces(text, isText);
      return;
    }
    for (const segment of this.parts.normalizedMatcher.segments(text, isText)) {
      if (segment.token) this.buffer.push(segment.token.id);
      else this.appendPieces(text.slice(segment.start, segment.end), isText);
    }
  }

  private appendPieces(text: string, isText: IsText | undefined): void {
    for (const piece of this.parts.preTokenizer(text)) this.parts.bpe.encode(piece, this.buffer, isText);
  }

  /** Encodes a normalised text that begins at `start` of the whole, and appends the stretch of each token. */
  private putPieces(text: string, start: number, spans: number[], isText: IsText | undefined): void {
    const { index, byteIds } = this.parts.vocabulary;
    const pieces = this.parts.preTokenizer(text);
    if (pieces.join('') !== text)
      throw new TokenizerError('unsupported', 'offsets: the pre_tokenizer of this tokenizer.json removes characters');
    let at = start;
    for (const piece of pieces) {
      let i = this.buffer.length;
      this.parts.bpe.encode(piece, this.buffer, isText);
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
}
