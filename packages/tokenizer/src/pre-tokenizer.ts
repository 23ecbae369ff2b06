/** @file Pre-tokenisers: cut a normalised text into pieces that no merge may cross. */

import { TokenizerError } from './error.js';
import { type Component, sequence, stringPattern } from './tokenizer-json.js';

/** Cuts a text into pieces. */
export type PreTokenizer = (text: string) => string[];

const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behavior = (typeof BEHAVIORS)[number];

/** Compiles the `pre_tokenizer` part of the file: null, Split on a text, or a Sequence of those. */
export function compilePreTokenizer(part: Component | null): PreTokenizer {
  if (!part) return (text) => [text];
  if (part.type === 'Sequence') {
    const steps = sequence(part, 'pretokenizers', 'pre_tokenizer').map(compilePreTokenizer);
    return (text) => steps.reduce((pieces, step) => pieces.flatMap(step), [text]);
  }
  if (part.type !== 'Split') {
    throw new TokenizerError(
      'unsupported',
      `tokenizer.json: pre_tokenizer "${part.type}" is not supported (null, Split on a text and Sequence are)`,
    );
  }
  const pattern = stringPattern(part, 'pre_tokenizer');
  const behavior = BEHAVIORS.find((name) => name === part.behavior);
  if (!behavior)
    throw new TokenizerError(
      'unsupported',
      `tokenizer.json: Split behavior "${part.behavior}" is none of ${BEHAVIORS.join(', ')}`,
    );
  const invert = part.invert === true;
  return (text) => {
    if (pattern === '' || (!invert && !text.includes(pattern))) return [text];
    return joinSpans(spans(text, pattern, invert), behavior);
  };
}

interface Span {
  text: string;
  match: boolean;
}

function spans(text: string, pattern: string, invert: boolean): Span[] {
  const found: Span[] = [];
  let from = 0;
  for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, from)) {
    if (at > from) found.push({ text: text.slice(from, at), match: invert });
    found.push({ text: pattern, match: !invert });
    from = at + pattern.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), match: invert });
  return found;
}

function joinSpans(found: Span[], behavior: Behavior): string[] {
  switch (behavior) {
    case 'Removed':
      return found.filter((span) => !span.match).map((span) => span.text);
    case 'Isolated':
      return found.map((span) => span.text);
    case 'Contiguous':
      return fold(found, (span, before) => span.match === before.match);
    case 'MergedWithPrevious':
      return fold(found, (span, before) => span.match && !before.match);
    case 'MergedWithNext':
      // The mirror image: a match joins what follows it, unless that is a match too.
      return fold(found, (span, before) => before.match && !span.match);
  }
}

/** Joins each span to the piece before it where `joins` says so. */
function fold(found: Span[], joins: (span: Span, before: Span) => boolean): string[] {
  const pieces: string[] = [];
  found.forEach((span, i) => {
    if (i > 0 && joins(span, found[i - 1])) pieces[pieces.length - 1] += span.text;
    else pieces.push(span.text);
  });
  return pieces;
}
