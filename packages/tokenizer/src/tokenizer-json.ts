/// <reference lib="es2024.string" />
/** @file The shape of a tokenizer.json, as far as a byte-fallback BPE uses it, and the checks that a file has it. */

import { TokenizerError } from './error.js';
import { findParts, withoutParts } from './json-parts.js';
import { type MergeList, parsedMerges, partMerges } from './merge-list.js';
import { parsedVocab, partVocab, type VocabList } from './vocab-list.js';

/** One entry of `added_tokens`: a text that is cut out before the model sees the rest. */
export interface AddedToken {
  id: number;
  content: string;
  /** Match only where no word character touches it. */
  single_word: boolean;
  /** Swallow white space on the left. */
  lstrip: boolean;
  /** Swallow white space on the right. */
  rstrip: boolean;
  /** Match in the normalised text rather than in the text as given. */
  normalized: boolean;
  /** Control token: dropped by `decode(ids, { skipSpecialTokens: true })`. */
  special: boolean;
}

/** A normaliser, pre-tokeniser, post-processor or decoder: `type` and its own settings. */
export interface Component {
  type: string;
  [setting: string]: unknown;
}

/** `model` of a byte-fallback BPE. Merges are "left right" texts (older files) or pairs. */
interface BpeModelJson {
  type: 'BPE';
  vocab: Record<string, number>;
  merges: (string | [string, string])[];
  byte_fallback: boolean;
  unk_token?: string | null;
  fuse_unk?: boolean;
  dropout?: number | null;
  continuing_subword_prefix?: string | null;
  end_of_word_suffix?: string | null;
  ignore_merges?: boolean;
}

/** The file. */
export interface TokenizerJson {
  version?: string;
  truncation?: unknown;
  padding?: unknown;
  added_tokens: AddedToken[];
  normalizer: Component | null;
  pre_tokenizer: Component | null;
  post_processor: Component | null;
  decoder: Component | null;
  model: BpeModelJson;
}

/** A checked file. Its vocabulary and merges are apart: those of `file.model` may be empty. */
export interface ParsedTokenizer {
  file: TokenizerJson;
  vocab: VocabList;
  merges: MergeList;
}

/**
 * Parses and checks a tokenizer.json.
 *
 * @throws TokenizerError when there is nothing, it is not JSON, not a BPE, has no byte fallback, or uses an option that
 *   this package lacks.
 */
export function parseTokenizerJson(source: object | string | Uint8Array): ParsedTokenizer {
  // What opens files says null of one that is not there.
  if (source === null || source === undefined)
    throw new TokenizerError('malformed', 'tokenizer.json: no text or bytes were given; is the file there?');
  // A text that is not well formed would lose its lone surrogates as bytes.
  const bytes = typeof source === 'string' && source.isWellFormed() ? new TextEncoder().encode(source) : source;
  const parts = bytes instanceof Uint8Array ? findParts(bytes) : null;
  if (parts) {
    const json = bytes as Uint8Array;
    const file = checkFile(parse(withoutParts(json, [parts.vocab, parts.merges])));
    return { file, vocab: partVocab(json, parts.vocab, parse), merges: partMerges(json, parts.merges, parse) };
  }
  const text = source instanceof Uint8Array ? new TextDecoder().decode(source) : source;
  const file = checkFile(typeof text === 'string' ? parse(text) : text);
  return { file, vocab: parsedVocab(file.model.vocab), merges: parsedMerges(file.model.merges) };
}

function checkFile(value: unknown): TokenizerJson {
  const file = value as Partial<TokenizerJson>;
  if (!isObject(file) || !isObject(file.model))
    throw new TokenizerError('malformed', 'tokenizer.json: no "model"; is this the right file?');
  checkModel(file.model as Partial<BpeModelJson>);
  const added = file.added_tokens ?? [];
  if (!Array.isArray(added)) throw new TokenizerError('malformed', 'tokenizer.json: "added_tokens" is not a list');
  return {
    added_tokens: added.map(addedToken),
    normalizer: component(file.normalizer, 'normalizer'),
    pre_tokenizer: component(file.pre_tokenizer, 'pre_tokenizer'),
    post_processor: component(file.post_processor, 'post_processor'),
    decoder: component(file.decoder, 'decoder'),
    model: file.model as BpeModelJson,
  };
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Checks that a part of the file is `{ type: text, … }` or null. */
function component(value: unknown, where: string): Component | null {
  if (value === null || value === undefined) return null;
  if (!isObject(value) || typeof value.type !== 'string') {
    throw new TokenizerError('malformed', `tokenizer.json: ${where} is neither null nor an object with a "type"`);
  }
  return value as Component;
}

/** The list of components that a `Sequence` holds under `key`. */
export function sequence(part: Component, key: string, where: string): Component[] {
  const list = part[key];
  if (!Array.isArray(list))
    throw new TokenizerError('malformed', `tokenizer.json: ${where} of type Sequence has no list "${key}"`);
  return list.map((item) => {
    const checked = component(item, where);
    if (!checked) throw new TokenizerError('malformed', `tokenizer.json: ${where} of type Sequence holds null`);
    return checked;
  });
}

/** `pattern: { String: "…" }`. Regular expressions are refused: JavaScript's differ from the ones that the file means. */
export function stringPattern(part: Component, where: string): string {
  const pattern = part.pattern;
  if (isObject(pattern) && typeof pattern.String === 'string') return pattern.String;
  throw new TokenizerError(
    'malformed',
    `tokenizer.json: ${where} of type ${part.type} needs a pattern {"String": text}; other patterns are not supported`,
  );
}

/** A text setting. */
export function textSetting(part: Component, key: string, where: string): string {
  const value = part[key];
  if (typeof value !== 'string')
    throw new TokenizerError('malformed', `tokenizer.json: ${where} of type ${part.type} has no text "${key}"`);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TokenizerError(
      'malformed',
      `tokenizer.json: not JSON (${(error as Error).message.replaceAll(/\s+/g, ' ')}); is the download complete?`,
    );
  }
}

function checkModel(model: Partial<BpeModelJson>): void {
  // Files older than `type` in the model are BPE when they have merges.
  const type = model.type ?? (model.merges ? 'BPE' : 'none');
  if (type !== 'BPE')
    throw new TokenizerError(
      'unsupported',
      `tokenizer.json: model type "${type}" found, "BPE" expected; this package reads byte-fallback BPE only`,
    );
  if (!isObject(model.vocab)) throw new TokenizerError('malformed', 'tokenizer.json: model.vocab is not an object');
  if (!Array.isArray(model.merges)) throw new TokenizerError('malformed', 'tokenizer.json: model.merges is not a list');
  if (model.byte_fallback !== true)
    throw new TokenizerError(
      'unsupported',
      'tokenizer.json: model.byte_fallback is not true; this package reads byte-fallback BPE only',
    );
  if (model.dropout)
    throw new TokenizerError(
      'unsupported',
      'tokenizer.json: model.dropout is set; remove it, encoding must be deterministic',
    );
  if (model.unk_token !== null && model.unk_token !== undefined && typeof model.unk_token !== 'string')
    throw new TokenizerError(
      'malformed',
      `tokenizer.json: model.unk_token is ${JSON.stringify(model.unk_token)?.slice(0, 60)}; a token's text or null is expected`,
    );
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'] as const) {
    if (model[key]) throw new TokenizerError('unsupported', `tokenizer.json: model.${key} is not supported`);
  }
}

function addedToken(value: unknown): AddedToken {
  const token = value as Partial<AddedToken>;
  if (!isObject(value) || typeof token.content !== 'string' || !Number.isInteger(token.id) || token.id! < 0) {
    throw new TokenizerError(
      'malformed',
      `tokenizer.json: an added token needs "id" and "content", found ${JSON.stringify(value)?.slice(0, 80)}`,
    );
  }
  const {
    id,
    content,
    single_word = false,
    lstrip = false,
    rstrip = false,
    normalized = true,
    special = false,
  } = token;
  return { id: id!, content, single_word, lstrip, rstrip, normalized, special };
}
