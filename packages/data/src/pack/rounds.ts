/**
 * @file Rounds of a conversation, a few fields each, as token ids within a budget: the packing shared by all frames.
 */

import { DataError } from '../error.js';
import { cutField, levelOut, shareOut, TRUNCATIONS, type Truncation } from './truncate.js';

/** The part of a tokenizer that packing uses; `Tokenizer` of @arena/tokenizer has it. */
export interface PackTokenizer {
  encode(text: string, options: TextOptions): ArrayLike<number>;
  /** The same in memory that the next call may reuse. Packing prefers it where present. */
  encodeView?(text: string, options: TextOptions): ArrayLike<number>;
  tokenToId(token: string): number | null | undefined;
  /** Tokens that are cut out of a text. Those of the frame are then read as text in what users wrote. */
  addedTokens?: readonly { id: number; content: string }[];
}

/** How a text is read. */
export interface TextOptions {
  /** Read control tokens as text. */
  splitSpecialTokens: boolean;
  /** Ids of further tokens to read as text. */
  textTokens?: readonly number[];
}

/** Options of every packing. */
export interface BudgetOptions {
  /** Most tokens of a packed sequence. Default 1900. */
  maxTokens?: number;
  truncation?: Truncation;
  /** Read control tokens and those of the frame in the fields as text, so that a user cannot end the turn. Default true. */
  neutralizeSpecialTokens?: boolean;
}

/** Tokens kept of a field, and its tokens before. */
export interface CutCount {
  kept: number;
  total: number;
}

/** The texts around the fields of a round. */
export interface RoundFrame {
  start: string;
  /** Text before each field, in order. */
  fields: string[];
  end: string;
  marker: string;
  omitted: string;
}

export interface PackedRounds {
  ids: Int32Array;
  /** What is kept of each field over all rounds, and of the rounds. */
  fields: CutCount[];
  rounds: CutCount;
}

/** Enough for whole characters at both ends of a cut, even characters of four byte tokens. */
const MIN_TEXT_TOKENS = 8;

/**
 * Makes a function that packs conversations as `start, the fields of each round, end`, given as text [field][round].
 *
 * It takes whole rounds from the last one back. It cuts the first that does not fit field by field (the last round
 * always, an earlier one where a useful part fits), and drops those before it. The last token is always the frame's,
 * and a cut never goes through the bytes of a character.
 *
 * @param shares shares of the fields in the tokens that the frame leaves
 * @throws DataError when `maxTokens` leaves no room for the frame and a few tokens of each field
 */
export function roundPacker(
  tokenizer: PackTokenizer,
  frame: RoundFrame,
  shares: number[],
  { maxTokens = 1900, truncation = 'head+tail', neutralizeSpecialTokens = true }: BudgetOptions = {},
): (fields: string[][]) => PackedRounds {
  if (!TRUNCATIONS.includes(truncation))
    throw new DataError('argument', `truncation "${truncation}" is none of ${TRUNCATIONS.join(', ')}`);
  const fixed = (text: string) => tokenizer.encode(text, { splitSpecialTokens: false });
  const start = fixed(frame.start);
  const names = frame.fields.map(fixed);
  const end = fixed(frame.end);
  const marker = fixed(frame.marker);
  const omitted = fixed(frame.omitted);
  const perRound = names.reduce((sum, name) => sum + name.length, 0);
  const least = marker.length + MIN_TEXT_TOKENS;
  const fewest = start.length + omitted.length + perRound + end.length + names.length * least;
  if (!(maxTokens >= fewest)) {
    throw new DataError(
      'argument',
      `maxTokens ${maxTokens} is too small: the frame and a few tokens of each field take ${fewest}. Use a shorter frame or more tokens`,
    );
  }
  const laterBytes = laterByteIds(tokenizer);
  // Both are reused for every sequence.
  const out = new TokenList(maxTokens);
  const texts = new TokenList(4 * maxTokens);
  const options = fieldOptions(tokenizer, frame, neutralizeSpecialTokens);
  const read = (text: string) => (tokenizer.encodeView ?? tokenizer.encode).call(tokenizer, text, options);

  return (fields) => {
    const count = fields[0].length;
    const ends: number[] = []; // for each field in `texts`, round by round
    texts.length = 0;
    for (let r = 0; r < count; r++) {
      for (const field of fields) {
        texts.add(read(field[r]));
        ends.push(texts.length);
      }
    }
    const { whole, partial } = chooseRounds(ends, count);
    const first = count - whole - (partial ? 1 : 0);
    const counts = fields.map(() => ({ kept: 0, total: 0 }));
    out.length = 0;
    out.add(start);
    if (first > 0) out.add(omitted);
    for (let r = 0; r < count; r++) {
      for (let f = 0; f < fields.length; f++) {
        const i = r * fields.length + f;
        const from = i === 0 ? 0 : ends[i - 1];
        const length = ends[i] - from;
        counts[f].total += length;
        if (r < first) continue;
        out.add(names[f]);
        const budget = partial && r === first ? partial[f] : length;
        if (length <= budget) {
          out.add(texts.ids, from, ends[i]);
          counts[f].kept += length;
          continue;
        }
        const { head, tail } = cutField(length, budget, marker.length, truncation, (k) =>
          laterBytes.has(texts.ids[from + k]),
        );
        if (truncation === 'tail') out.add(marker);
        out.add(texts.ids, from, from + head);
        if (truncation !== 'tail') out.add(marker);
        out.add(texts.ids, ends[i] - tail, ends[i]);
        counts[f].kept += head + tail;
      }
    }
    out.add(end);
    return { ids: out.ids.slice(0, out.length), fields: counts, rounds: { kept: count - first, total: count } };
  };

  /** How many rounds from the end stay whole, and the field budgets of the round before them if it is cut. */
  function chooseRounds(ends: number[], count: number): { whole: number; partial: number[] | null } {
    const room = maxTokens - start.length - end.length;
    if (count * perRound + (ends.at(-1) ?? 0) <= room) return { whole: count, partial: null };
    const lengths = Array.from({ length: count }, (_, r) =>
      names.map((_, f) => ends[r * names.length + f] - (ends[r * names.length + f - 1] ?? 0)),
    );
    const sizes = lengths.map((fields) => perRound + fields.reduce((sum, n) => sum + n, 0));
    let whole = 0;
    let used = 0;
    for (let r = lengths.length - 1; r > 0 && used + sizes[r] + omitted.length <= room; r--) {
      used += sizes[r];
      whole++;
    }
    const next = lengths.length - 1 - whole;
    const left = room - used - perRound - (next > 0 ? omitted.length : 0);
    const minimum = lengths[next].reduce((sum, n) => sum + Math.min(n, least), 0);
    if (whole > 0 && left < minimum) return { whole, partial: null };
    const partial =
      truncation === 'longest-first' ? levelOut(lengths[next], left) : shareOut(lengths[next], left, shares, least);
    return { whole, partial };
  }
}

/**
 * How the fields are read: a user writes no control token, and none of the tokens that the frame is made of, however the
 * tokenizer calls them. White space, which some tokenizers have tokens for, is the user's as well.
 */
export function fieldOptions(tokenizer: PackTokenizer, frame: object, neutralize = true): TextOptions {
  if (!neutralize) return { splitSpecialTokens: false };
  const content = new Map(tokenizer.addedTokens?.map((token) => [token.id, token.content]));
  const used = new Set(
    Object.values(frame)
      .flat()
      .flatMap((text: string) => [...Array.from(tokenizer.encode(text, { splitSpecialTokens: false }))]),
  );
  const textTokens = [...used].filter((id) => content.has(id) && !/^[\s\u2581]*$/.test(content.get(id)!));
  return { splitSpecialTokens: true, textTokens };
}

/** Ids of the byte tokens <0x80> to <0xBF>: the second to fourth byte of a character. */
function laterByteIds(tokenizer: PackTokenizer): Set<number> {
  const ids = new Set<number>();
  for (let byte = 0x80; byte < 0xc0; byte++) {
    const id = tokenizer.tokenToId(`<0x${byte.toString(16).toUpperCase()}>`);
    if (id !== null && id !== undefined) ids.add(id);
  }
  return ids;
}

/** A growing list of ids. */
class TokenList {
  ids: Int32Array;
  length = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity);
  }

  add(tokens: ArrayLike<number>, from = 0, to = tokens.length): void {
    if (this.length + to - from > this.ids.length) {
      const grown = new Int32Array(2 * (this.length + to - from));
      grown.set(this.ids.subarray(0, this.length));
      this.ids = grown;
    }
    const { ids } = this;
    let at = this.length;
    for (let i = from; i < to; i++) ids[at++] = tokens[i];
    this.length = at;
  }
}
