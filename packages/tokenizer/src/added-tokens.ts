/**
 * @file Added tokens: texts cut out before the model runs, leftmost first and longest at a place.
 *
 * The rules for the flags are those of Hugging Face's tokenizers: a rejected match (not a single word, or a token
 * that is to be read as text) still uses up its characters, and stripped white space belongs to the token.
 */

import type { AddedToken } from './tokenizer-json.js';

/** A stretch of text: `token` when it is an added token, else text for the model. */
interface Segment {
  start: number;
  end: number;
  token: AddedToken | null;
}

/** Whether the token of an id is to be read as text. */
export type IsText = (id: number) => boolean;

/**
 * Tokens that only a chat's frame writes: `<start_of_turn>`, `<|im_end|>`, `<turn|>`. Files list some of them without the
 * flag `special`, or as user-defined.
 */
const CONTROL = /^<(?:start|end)_of_\w+>$|^<\|[^<>|]*\|?>$|^<[^<>|]*\|>$/;

/** Whether a text of a user may never make this token, whatever the file says of it. */
export function looksControl(content: string): boolean {
  return CONTROL.test(content);
}

/** Matches a fixed set of added tokens. */
export interface AddedTokenMatcher {
  size: number;
  /** Cuts `text` into segments, in order. Tokens whose id `isText` names are left as text. */
  segments(text: string, isText?: IsText): Segment[];
}

interface TrieNode {
  token: AddedToken | null;
  next: Map<number, TrieNode>;
}

// Unicode's word characters and white space: JavaScript's \w and \s are other sets.
const ENDS_WITH_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const STARTS_WITH_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const WHITE_SPACE = /\p{White_Space}/u;

/** Builds the matcher; `contents[i]` is the text under which `tokens[i]` is looked for. */
export function compileAddedTokens(tokens: AddedToken[], contents: string[]): AddedTokenMatcher {
  const root: TrieNode = { token: null, next: new Map() };
  const starts = new Uint8Array(65536);
  tokens.forEach((token, i) => {
    const content = contents[i];
    if (content === '') return;
    let node = root;
    for (let k = 0; k < content.length; k++) {
      const unit = content.charCodeAt(k);
      let child = node.next.get(unit);
      if (!child) node.next.set(unit, (child = { token: null, next: new Map() }));
      node = child;
    }
    node.token = token;
    starts[content.charCodeAt(0)] = 1;
  });

  function segments(text: string, isText?: IsText): Segment[] {
    const found: Segment[] = [];
    let done = 0; // everything before is in `found`
    for (let at = 0; at < text.length; ) {
      if (!starts[text.charCodeAt(at)]) {
        at++;
        continue;
      }
      const match = longest(root, text, at);
      if (!match) {
        at++;
        continue;
      }
      let { end } = match;
      const { token } = match;
      let start = at;
      at = end;
      if (isText?.(token.id)) continue;
      if (token.single_word && touchesWord(text, start, end)) continue;
      if (token.lstrip) while (start > done && WHITE_SPACE.test(text[start - 1])) start--;
      if (token.rstrip) while (end < text.length && WHITE_SPACE.test(text[end])) end++;
      if (done < start) found.push({ start: done, end: start, token: null });
      found.push({ start, end, token });
      done = end;
    }
    if (done < text.length) found.push({ start: done, end: text.length, token: null });
    return found;
  }

  return { size: tokens.length, segments };
}

function longest(root: TrieNode, text: string, at: number): { token: AddedToken; end: number } | null {
  let best: { token: AddedToken; end: number } | null = null;
  let node: TrieNode | undefined = root;
  for (let k = at; k < text.length; ) {
    node = node.next.get(text.charCodeAt(k++));
    if (!node) break;
    if (node.token) best = { token: node.token, end: k };
  }
  return best;
}

function touchesWord(text: string, start: number, end: number): boolean {
  // Two code units reach a whole character on either side.
  return (
    ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) || STARTS_WITH_WORD.test(text.slice(end, end + 2))
  );
}
