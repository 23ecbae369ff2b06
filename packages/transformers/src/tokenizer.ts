/** @file Tokenizers of transformers.js as Arena's. */
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';
import { TransformersError } from './error.js';

/**
 * The same tokenizer as a `Tokenizer` of @arena/tokenizer, for `packer` of @arena/data and a judge's base. It is loaded from the
 * tokenizer.json that the object holds, so ids are Arena's own, and special tokens within a user's text stay text.
 * @param tokenizer What `AutoTokenizer.from_pretrained` gives, or a `Tokenizer` of @huggingface/tokenizers.
 * @throws TransformersError (`tokenizer`) when the object holds no tokenizer.json; TokenizerError when Arena does not know a part of it.
 * @example
 * const pack = packer(fromTransformers(await AutoTokenizer.from_pretrained('google/gemma-3-270m')), { maxTokens: 1900 });
 */
export function fromTransformers(tokenizer: object): Tokenizer {
  const held = tokenizer as { _tokenizerJSON?: unknown; tokenizer?: unknown } | null | undefined;
  const json = [held?._tokenizerJSON, held?.tokenizer].find(isTokenizerJson);
  if (json) return loadTokenizer(json);
  throw new TransformersError(
    'tokenizer',
    `${nameOf(tokenizer)} holds no tokenizer.json: give what AutoTokenizer.from_pretrained of @huggingface/transformers 4.3 gives, ` +
      'or a Tokenizer of @huggingface/tokenizers; or loadTokenizer(tokenizer.json) of @arena/tokenizer reads the file',
  );
}

function isTokenizerJson(value: unknown): value is object {
  return typeof value === 'object' && value !== null && 'model' in value;
}

function nameOf(value: unknown): string {
  const name = (value as object | null | undefined)?.constructor?.name;
  return name ? `a ${name}` : String(value);
}
