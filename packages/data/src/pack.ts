/** @file Packs a battle into token ids within a budget: both answers always in, and a record of what was cut. */

import type { Battle } from './battle.js';
import { type Quantiles, quantiles } from './describe.js';
import { DataError } from './error.js';
import { checkFrame, type Frame, GEMMA_FRAME } from './frame.js';
import { cutField, levelOut, shareOut, TRUNCATIONS, type Truncation } from './truncate.js';

/** What packing asks of a tokenizer; `Tokenizer` of @arena/tokenizer has it. */
export interface PackTokenizer {
  encode(text: string, options: { splitSpecialTokens: boolean }): ArrayLike<number>;
  tokenToId(token: string): number | null | undefined;
}

/** How to pack. Store it with the model: `JSON.stringify(packing)`. */
export interface PackOptions {
  /** Tokens of a packed battle at most. Default 1900. */
  maxTokens?: number;
  frame?: Frame;
  /** Shares of prompt, A and B in the tokens left by the frame; unused share passes on. Default [0.2, 0.4, 0.4]. */
  shares?: [number, number, number];
  truncation?: Truncation;
  /** Read special tokens in the fields as text, so that a user cannot end the turn. Default true. */
  neutralizeSpecialTokens?: boolean;
}

/** Tokens of a field that are in, and that there were. */
export interface CutCount {
  kept: number;
  total: number;
}

/** What was cut from a battle. */
export interface Cut {
  prompt: CutCount;
  responseA: CutCount;
  responseB: CutCount;
  rounds: CutCount;
}

/** A battle as tokens. */
export interface Packed {
  id: string;
  row: number;
  ids: Int32Array;
  /** 0 for a, 1 for b, 2 for a tie, -1 without a label. */
  label: number;
  softLabel?: number[];
  weight?: number;
  cut: Cut;
}

/** Enough for whole characters at both ends of a cut, even where each is four byte tokens. */
const MIN_TEXT_TOKENS = 8;
const LABELS = { a: 0, b: 1, tie: 2 } as const;

/** Ids of one turn of the three fields. */
type Round = [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>];

/** Packs one battle; for many, make a {@link packer} once. */
export function packBattle(battle: Battle, tokenizer: PackTokenizer, options: PackOptions = {}): Packed {
  return packer(tokenizer, options)(battle);
}

/**
 * Makes a function that packs battles as `start, {prompt, A, B} for each round, end`.
 *
 * Rounds are taken whole from the last one back. The first that does not fit is cut field by field (the last round
 * always, an earlier one where a useful part fits), and those before it are left out. The last token is always the
 * frame's, and a cut never goes through the bytes of a character.
 *
 * @throws DataError when `maxTokens` leaves no room for the frame and a few tokens of each field
 */
export function packer(
  tokenizer: PackTokenizer,
  {
    maxTokens = 1900,
    frame = GEMMA_FRAME,
    shares = [0.2, 0.4, 0.4],
    truncation = 'head+tail',
    neutralizeSpecialTokens = true,
  }: PackOptions = {},
): (battle: Battle) => Packed {
  checkFrame(frame);
  if (!TRUNCATIONS.includes(truncation))
    throw new DataError(`truncation "${truncation}" is none of ${TRUNCATIONS.join(', ')}`);
  if (shares.length !== 3 || shares.some((share) => !(share >= 0)) || !shares.some((share) => share > 0)) {
    throw new DataError(`shares [${shares}] are not three numbers of at least 0, for prompt, A and B`);
  }
  const fixed = (text: string) => tokenizer.encode(text, { splitSpecialTokens: false });
  const start = fixed(frame.start);
  const names = [fixed(frame.prompt), fixed(frame.responseA), fixed(frame.responseB)];
  const end = fixed(frame.end);
  const marker = fixed(frame.marker);
  const omitted = fixed(frame.omitted);
  const perRound = names.reduce((sum, name) => sum + name.length, 0);
  const least = marker.length + MIN_TEXT_TOKENS;
  const fewest = start.length + omitted.length + perRound + end.length + 3 * least;
  if (!(maxTokens >= fewest)) {
    throw new DataError(
      `maxTokens ${maxTokens} is too small: the frame and a few tokens of each field take ${fewest}. Use a shorter frame or more tokens`,
    );
  }
  const laterBytes = laterByteIds(tokenizer);
  const out = new TokenList(maxTokens); // used again for every battle

  return (battle) => {
    const read = (text: string) => tokenizer.encode(text, { splitSpecialTokens: neutralizeSpecialTokens });
    const rounds = battle.prompt.map(
      (turn, r): Round => [read(turn), read(battle.responseA[r]), read(battle.responseB[r])],
    );
    const { whole, partial } = chooseRounds(rounds.map((round) => round.map((field) => field.length)));
    const first = rounds.length - whole - (partial ? 1 : 0);
    const cut: Cut = {
      prompt: count(rounds, 0),
      responseA: count(rounds, 1),
      responseB: count(rounds, 2),
      rounds: { kept: rounds.length - first, total: rounds.length },
    };
    const counts = [cut.prompt, cut.responseA, cut.responseB];
    out.length = 0;
    out.add(start);
    if (first > 0) out.add(omitted);
    for (let r = first; r < rounds.length; r++) {
      rounds[r].forEach((field, f) => {
        out.add(names[f]);
        const budget = partial && r === first ? partial[f] : field.length;
        const { head, tail } = cutField(field.length, budget, marker.length, truncation, (i) =>
          laterBytes.has(field[i]),
        );
        if (truncation === 'tail' && head + tail < field.length) out.add(marker);
        out.add(field, 0, head);
        if (truncation !== 'tail' && head + tail < field.length) out.add(marker);
        out.add(field, field.length - tail, field.length);
        counts[f].kept += head + tail;
      });
    }
    out.add(end);
    const packed: Packed = {
      id: battle.id,
      row: battle.row,
      ids: out.ids.slice(0, out.length),
      label: battle.winner === null ? -1 : LABELS[battle.winner],
      cut,
    };
    if (battle.softLabel) packed.softLabel = battle.softLabel;
    if (battle.weight !== undefined) packed.weight = battle.weight;
    return packed;
  };

  /** How many rounds from the end go in whole, and the budgets of the fields of the one before them, if it goes in cut. */
  function chooseRounds(lengths: number[][]): { whole: number; partial: number[] | null } {
    const sizes = lengths.map((fields) => perRound + fields.reduce((sum, n) => sum + n, 0));
    const room = maxTokens - start.length - end.length;
    const all = sizes.reduce((sum, n) => sum + n, 0);
    if (all <= room) return { whole: lengths.length, partial: null };
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

/** How much of the prompts and answers is still there after packing. */
export interface Survival {
  battles: number;
  /** Battles that lost anything. */
  cut: number;
  /** Tokens kept of all tokens, by field; 1 when there were none. */
  prompt: number;
  responseA: number;
  responseB: number;
  rounds: number;
  /** Lengths of the packed battles. */
  tokens: Quantiles & { total: number };
}

/** Sums up what packing kept over a set. */
export function survival(packed: Packed[]): Survival {
  const lengths = packed.map(({ ids }) => ids.length);
  const rate = (field: keyof Cut) => {
    const all = packed.reduce((sum, { cut }) => sum + cut[field].total, 0);
    return all === 0 ? 1 : packed.reduce((sum, { cut }) => sum + cut[field].kept, 0) / all;
  };
  const fields = ['prompt', 'responseA', 'responseB', 'rounds'] as const;
  return {
    battles: packed.length,
    cut: packed.filter(({ cut }) => fields.some((field) => cut[field].kept < cut[field].total)).length,
    prompt: rate('prompt'),
    responseA: rate('responseA'),
    responseB: rate('responseB'),
    rounds: rate('rounds'),
    tokens: { total: lengths.reduce((sum, n) => sum + n, 0), ...quantiles(lengths) },
  };
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

function count(rounds: Round[], field: number): CutCount {
  return { kept: 0, total: rounds.reduce((sum, round) => sum + round[field].length, 0) };
}

/** Ids written one after the other into an array of a fixed size. */
class TokenList {
  readonly ids: Int32Array;
  length = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity);
  }

  add(tokens: ArrayLike<number>, from = 0, to = tokens.length): void {
    for (let i = from; i < to; i++) this.ids[this.length++] = tokens[i];
  }
}
