/** @file Who won a battle: words, one-hot columns, scores. */

import type { Winner } from '../battle.js';
import { Rejected, shown } from './rejected.js';

type Row = Record<string, unknown>;

/** The values that stand for A, B and a tie in your column of votes, for instance `{ a: '1', b: '0' }`. */
export type WinnerValues = Partial<Record<'a' | 'b' | 'tie', string>>;

/** How the votes of a file are spelled. */
export interface Voting {
  /** The caller's values, which come first. */
  values?: WinnerValues;
  /** Only the words of the public sets are votes; an empty cell is an unknown one. */
  strict?: boolean;
}

const WINNERS: Record<string, Winner> = {
  model_a: 'a',
  model_b: 'b',
  a: 'a',
  b: 'b',
  tie: 'tie',
  'tie (bothbad)': 'tie',
  both_bad: 'tie',
  'tie (inconsistent)': 'tie',
};

/** Words of files with a vocabulary of their own, in lower case. */
const MORE_WINNERS: Record<string, Winner> = {
  ...WINNERS,
  'model a': 'a',
  'model b': 'b',
  response_a: 'a',
  response_b: 'b',
  answer_a: 'a',
  answer_b: 'b',
  assistant_a: 'a',
  assistant_b: 'b',
  draw: 'tie',
  bothbad: 'tie',
  'both bad': 'tie',
};

const SIDES = ['a', 'b', 'tie'] as const;

/** Words for a cell without a value, in lower case: pandas' and SQL's. */
const NO_VALUE = ['', 'nan', 'none', 'null', '<na>', 'n/a'];

/** True for null, NaN, and a text that says so. */
export function isMissing(value: unknown): boolean {
  if (value === null || value === undefined || Number.isNaN(value)) return true;
  return typeof value === 'string' && NO_VALUE.includes(value.trim().toLowerCase());
}

/** The vote of a record; null without one. */
export function readWinner(record: Row, voting: Voting): Winner {
  if ('winner_model_a' in record || 'winner_tie' in record) return oneHot(record, voting);
  if ('winner' in record) return wordOf(record.winner, voting);
  if ('score_a' in record && 'score_b' in record) return byScores(record.score_a, record.score_b);
  return null;
}

function wordOf(winner: unknown, { values, strict }: Voting): Winner {
  const given = typeof winner === 'object' ? undefined : String(winner).trim();
  for (const side of SIDES) if (given !== undefined && values?.[side] === given) return side;
  if (!strict && isMissing(winner)) return null;
  const word = typeof winner === 'string' ? (strict ? winner : winner.trim().toLowerCase()) : '';
  const words = strict ? WINNERS : MORE_WINNERS;
  if (Object.hasOwn(words, word)) return words[word];
  throw new Rejected('bad_winner', `winner is ${shown(winner)}; ${adviceFor(winner)}`);
}

function adviceFor(winner: unknown): string {
  const coded = typeof winner !== 'string' || /^\s*(-?\d+(\.\d+)?|true|false)\s*$/i.test(winner);
  return coded
    ? 'nothing says which answer that is: name its values: `winnerValues` a=1,b=0'
    : 'model_a, model_b, a, b or tie is expected, or your own words with `winnerValues` a=WORD,b=WORD';
}

/** One column a class. Without a tie column there are no ties; without any value there is no vote. */
function oneHot(record: Row, { strict }: Voting): Winner {
  const cells = [record.winner_model_a, record.winner_model_b, record.winner_tie ?? null];
  if (!strict && cells.every(isMissing)) return null;
  const hot = cells.map((cell) => (isMissing(cell) ? 0 : toBit(cell)));
  if (hot.includes(null) || hot.filter((bit) => bit === 1).length !== 1) {
    throw new Rejected(
      'bad_winner',
      `winner_model_a, winner_model_b, winner_tie are ${cells.map(shown).join(', ')}; one 1 or True is expected`,
    );
  }
  return SIDES[hot.indexOf(1)];
}

/** 0 or 1 as a number, bigint, boolean or CSV text; null for anything else. */
function toBit(value: unknown): 0 | 1 | null {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
  const bit =
    word === 'true' ? 1 : word === 'false' ? 0 : typeof value === 'string' && word !== '' ? Number(value) : value;
  if (bit === 0 || bit === 0n || bit === false) return 0;
  if (bit === 1 || bit === 1n || bit === true) return 1;
  return null;
}

/** The higher score wins, equal ones tie. */
function byScores(a: unknown, b: unknown): Winner {
  if (isMissing(a) && isMissing(b)) return null;
  const [first, second] = [scoreOf(a), scoreOf(b)];
  return first > second ? 'a' : first < second ? 'b' : 'tie';
}

/** A number, also as text. */
export function scoreOf(value: unknown): number {
  const score = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number(value ?? Number.NaN);
  if (typeof value === 'boolean' || Number.isNaN(score)) {
    throw new Rejected('bad_winner', `a score is ${shown(value)}; a number is expected`);
  }
  return score;
}
