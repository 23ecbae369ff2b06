/** @file Packs a battle into token ids within a budget: both answers are always included, and cuts are recorded. */

import type { Battle } from '../battle.js';
import { type Quantiles, quantiles } from '../describe/describe.js';
import { DataError } from '../error.js';
import {
  type AnswerFrame,
  checkAnswerFrame,
  checkFrame,
  type Frame,
  GEMMA_ANSWER_FRAME,
  GEMMA_FRAME,
} from './frame.js';
import {
  type BudgetOptions,
  type CutCount,
  fieldOptions,
  type PackTokenizer,
  roundPacker,
  type TextOptions,
} from './rounds.js';

export type { CutCount, PackTokenizer } from './rounds.js';

/** How to pack. Store it with the model: `JSON.stringify(packing)`. */
export interface PackOptions extends BudgetOptions {
  frame?: Frame;
  /** Shares of prompt, A and B in the tokens left by the frame. Unused shares pass on. Default [0.2, 0.4, 0.4]. */
  shares?: [number, number, number];
}

/** How to pack each answer alone with its prompt. Store it with the model. */
export interface AnswerPackOptions extends BudgetOptions {
  frame?: AnswerFrame;
  /** Shares of prompt and answer in the tokens left by the frame. Unused shares pass on. Default [0.3, 0.7]. */
  shares?: [number, number];
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
  /** Where the sequence of B begins in `ids`, when each answer has its own sequence. */
  second?: number;
  /** 0 for a, 1 for b, 2 for a tie, -1 without a label. */
  label: number;
  softLabel?: number[];
  weight?: number;
  cut: Cut;
}

/** A packed battle without its tokens. */
export type PackedEntry = Omit<Packed, 'ids'> & { ids: { length: number } };

const LABELS = { a: 0, b: 1, tie: 2 } as const;

/** How a {@link packer} asks its tokenizer for the texts of battles: to encode them before it does. */
export function packerTextOptions(tokenizer: PackTokenizer, options: PackOptions = {}): TextOptions {
  return fieldOptions(tokenizer, options.frame ?? GEMMA_FRAME, options.neutralizeSpecialTokens);
}

/** Packs one battle; for many, make a {@link packer} once. */
export function packBattle(battle: Battle, tokenizer: PackTokenizer, options: PackOptions = {}): Packed {
  return packer(tokenizer, options)(battle);
}

/**
 * Makes a function that packs battles as `start, {prompt, A, B} for each round, end`. How rounds and fields that are
 * too long are cut: {@link roundPacker}.
 *
 * @throws DataError when `maxTokens` leaves no room for the frame and a few tokens of each field
 * @example
 * const packed = battles.map(packer(loadTokenizer(tokenizerJson), { maxTokens: 1900 }));
 */
export function packer(
  tokenizer: PackTokenizer,
  { frame = GEMMA_FRAME, shares = [0.2, 0.4, 0.4], ...budget }: PackOptions = {},
): (battle: Battle) => Packed {
  const { prompt, responseA, responseB, ...around } = checkFrame(frame);
  checkShares(shares, 3, 'prompt, A and B');
  const pack = roundPacker(tokenizer, { ...around, fields: [prompt, responseA, responseB] }, shares, budget);
  return (battle) => {
    const { ids, fields, rounds } = pack([battle.prompt, battle.responseA, battle.responseB]);
    return packedOf(battle, ids, { prompt: fields[0], responseA: fields[1], responseB: fields[2], rounds });
  };
}

/**
 * Makes a function that packs each answer alone with its prompt, `start, {prompt, answer} for each round, end`: the
 * sequence of A, then from `second` on the sequence of B. For a reward model, which scores each answer.
 *
 * @throws DataError as {@link packer}
 */
export function answerPacker(
  tokenizer: PackTokenizer,
  { frame = GEMMA_ANSWER_FRAME, shares = [0.3, 0.7], ...budget }: AnswerPackOptions = {},
): (battle: Battle) => Packed {
  const { prompt, response, ...around } = checkAnswerFrame(frame);
  checkShares(shares, 2, 'prompt and answer');
  const pack = roundPacker(tokenizer, { ...around, fields: [prompt, response] }, shares, budget);
  return (battle) => {
    const a = pack([battle.prompt, battle.responseA]);
    const b = pack([battle.prompt, battle.responseB]);
    const ids = new Int32Array(a.ids.length + b.ids.length);
    ids.set(a.ids);
    ids.set(b.ids, a.ids.length);
    const cut = {
      prompt: a.fields[0].kept < b.fields[0].kept ? a.fields[0] : b.fields[0],
      responseA: a.fields[1],
      responseB: b.fields[1],
      rounds: a.rounds.kept < b.rounds.kept ? a.rounds : b.rounds,
    };
    return { ...packedOf(battle, ids, cut), second: a.ids.length };
  };
}

function packedOf({ id, row, winner, softLabel, weight }: Battle, ids: Int32Array, cut: Cut): Packed {
  const packed: Packed = { id, row, ids, label: winner === null ? -1 : LABELS[winner], cut };
  if (softLabel) packed.softLabel = softLabel;
  if (weight !== undefined) packed.weight = weight;
  return packed;
}

function checkShares(shares: number[], count: number, names: string): void {
  if (shares.length !== count || shares.some((share) => !(share >= 0)) || !shares.some((share) => share > 0)) {
    throw new DataError('argument', `shares [${shares}] are not ${count} numbers of at least 0, for ${names}`);
  }
}

/** How much of the prompts and answers packing kept. */
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

/** Summarises what packing kept over a set. */
export function survival(packed: PackedEntry[]): Survival {
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
