/** @file Normalisers: text to text, before the vocabulary is looked at. */

import { TokenizerError } from './error.js';
import { type Component, sequence, stringPattern, textSetting } from './tokenizer-json.js';

/** Maps a text to its normal form. */
export type Normalizer = (text: string) => string;

/** Compiles the `normalizer` part of the file. */
export function compileNormalizer(part: Component | null): Normalizer {
  if (!part) return (text) => text;
  switch (part.type) {
    case 'Sequence': {
      const steps = sequence(part, 'normalizers', 'normalizer').map(compileNormalizer);
      return (text) => steps.reduce((value, step) => step(value), text);
    }
    case 'Replace': {
      const pattern = stringPattern(part, 'normalizer');
      const content = textSetting(part, 'content', 'normalizer');
      // "$" would start a pattern like "$&" in a replacement text. An empty pattern matches nothing.
      const literal = content.replaceAll('$', '$$$$');
      return pattern === '' ? (text) => text : (text) => text.replaceAll(pattern, literal);
    }
    case 'Prepend': {
      const prefix = textSetting(part, 'prepend', 'normalizer');
      return (text) => (text === '' ? text : prefix + text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = part.type;
      return (text) => text.normalize(form);
    }
    default:
      throw new TokenizerError(
        'unsupported',
        `tokenizer.json: normalizer "${part.type}" is not supported (Sequence, Replace, Prepend, NFC, NFD, NFKC, NFKD are)`,
      );
  }
}

/** True when every code unit of the normal form stands for the code unit at the same place of the text. */
export function keepsPlaces(part: Component | null): boolean {
  if (!part) return true;
  if (part.type === 'Sequence') return sequence(part, 'normalizers', 'normalizer').every(keepsPlaces);
  if (part.type !== 'Replace') return false;
  return stringPattern(part, 'normalizer').length === textSetting(part, 'content', 'normalizer').length;
}
