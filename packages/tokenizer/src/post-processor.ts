/** @file Post-processor: places a sequence, or a pair of them, among special tokens. */

import { TokenizerError } from './error.js';
import { type Component, isObject, sequence } from './tokenizer-json.js';

/** Either the ids of a special token, or the place of sequence A or B. */
export type TemplatePiece = number[] | 'A' | 'B';

/** The two templates of the file. */
export interface Template {
  single: TemplatePiece[];
  pair: TemplatePiece[];
}

/** Compiles the `post_processor` part of the file: null, TemplateProcessing, or a Sequence with at most one of them. */
export function compileTemplate(part: Component | null): Template {
  if (!part) return { single: ['A'], pair: ['A', 'B'] };
  if (part.type === 'Sequence') {
    const steps = sequence(part, 'processors', 'post_processor');
    if (steps.length > 1)
      throw new TokenizerError(
        'unsupported',
        'tokenizer.json: a post_processor Sequence of several parts is not supported',
      );
    return compileTemplate(steps[0] ?? null);
  }
  if (part.type !== 'TemplateProcessing') {
    throw new TokenizerError(
      'unsupported',
      `tokenizer.json: post_processor "${part.type}" is not supported (null and TemplateProcessing are)`,
    );
  }
  const ids = isObject(part.special_tokens) ? part.special_tokens : {};
  return { single: pieces(part.single, ids, 'single'), pair: pieces(part.pair, ids, 'pair') };
}

function pieces(list: unknown, specials: Record<string, unknown>, where: string): TemplatePiece[] {
  if (!Array.isArray(list))
    throw new TokenizerError('malformed', `tokenizer.json: TemplateProcessing has no list "${where}"`);
  return list.map((piece: unknown): TemplatePiece => {
    if (isObject(piece) && isObject(piece.Sequence) && (piece.Sequence.id === 'A' || piece.Sequence.id === 'B'))
      return piece.Sequence.id;
    if (isObject(piece) && isObject(piece.SpecialToken)) {
      const special = specials[String(piece.SpecialToken.id)];
      const tokens = isObject(special) ? special.ids : undefined;
      if (Array.isArray(tokens) && tokens.every((id) => Number.isInteger(id) && id >= 0)) return tokens as number[];
    }
    throw new TokenizerError(
      'malformed',
      `tokenizer.json: TemplateProcessing ${where} holds ${JSON.stringify(piece)?.slice(0, 80)}, which it does not define`,
    );
  });
}
