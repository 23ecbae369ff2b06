/** @file What a GGUF file says of its tokenizer: SentencePiece's pieces with their scores and kinds, and the special ids. */
import { GgufError } from './errors.js';
import { type Metadata, shown } from './fields.js';
import type { GgufStrings } from './strings.js';

/** A SentencePiece tokenizer as the file has it, by id. */
export interface GgufTokenizerFields {
  /** Kind of tokenizer: `llama` is SentencePiece's, by scores. */
  model: 'llama';
  /** How text is cut beforehand, such as `default`. */
  pre: string;
  /** Decoded when asked for. U+2581 stands for a space, except in user-defined tokens. */
  tokens: GgufStrings;
  /** Higher is merged earlier [tokens]. */
  scores: Float32Array;
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte [tokens]. */
  types: Int32Array;
  bosId: number;
  eosId: number;
  unkId: number;
  /** Undefined where the file names none. */
  padId: number | undefined;
  addBos: boolean;
  addEos: boolean;
  addSpacePrefix: boolean;
}

/**
 * The tokenizer of a file. What is absent is as llama.cpp assumes it: `<unk>` 0, `<s>` 1, `</s>` 2, a space in front.
 * `sentencePieceTokenizer({ ...fields, tokens: [...fields.tokens] })` of `@arena/tokenizer` makes a tokenizer of it.
 * @throws GgufError when the file has no tokenizer, one of another kind, or lists that do not fit each other.
 */
export function ggufTokenizerFields(metadata: Metadata, file = 'metadata'): GgufTokenizerFields {
  const get = (name: string) => metadata.get(`tokenizer.ggml.${name}`);
  const fail = (name: string, message: string): never => {
    throw new GgufError('metadata', message, file, { key: `tokenizer.ggml.${name}` });
  };
  const model = get('model');
  const tokens = get('tokens');
  const elsewhere = 'take a GGUF file of the model that has one';
  if (model === undefined && tokens === undefined) fail('model', `is missing: the file has no tokenizer; ${elsewhere}`);
  if (model !== 'llama') {
    fail(
      'model',
      `is ${model === undefined ? 'missing' : shown(model)}; "llama" (SentencePiece) is read: ${elsewhere}`,
    );
  }
  if (!isStrings(tokens) || tokens.length === 0) return fail('tokens', 'is missing or no list of texts');
  const list = <T extends Float32Array | Int32Array>(name: string, kind: { new (from: ArrayLike<number>): T }): T => {
    const value = get(name);
    if (value === undefined) return fail(name, `is missing: without it text cannot be cut; ${elsewhere}`);
    if (typeof value !== 'object' || !ArrayBuffer.isView(value) || value.length !== tokens.length) {
      return fail(name, `is ${shown(value)}, where ${tokens.length} tokens are`);
    }
    return value instanceof kind ? value : new kind(Array.from(value as ArrayLike<number | bigint>, Number));
  };
  const id = <T>(name: string, fallback: T): number | T => {
    const value = get(name);
    if (value === undefined) return fallback;
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < tokens.length;
    return fits ? value : fail(name, `is ${shown(value)}, there are ${tokens.length} tokens`);
  };
  const flag = (name: string, fallback: boolean): boolean => {
    const value = get(name) ?? fallback;
    return typeof value === 'boolean' ? value : fail(name, `is ${shown(value)}, neither true nor false`);
  };
  const pre = get('pre') ?? 'default';
  return {
    model: 'llama',
    pre: typeof pre === 'string' ? pre : fail('pre', `is ${shown(pre)}, not a text`),
    tokens,
    scores: list('scores', Float32Array),
    types: list('token_type', Int32Array),
    bosId: id('bos_token_id', 1),
    eosId: id('eos_token_id', 2),
    unkId: id('unknown_token_id', 0),
    padId: id('padding_token_id', undefined),
    addBos: flag('add_bos_token', true),
    addEos: flag('add_eos_token', false),
    addSpacePrefix: flag('add_space_prefix', true),
  };
}

function isStrings(value: unknown): value is GgufStrings {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && 'at' in value;
}
