/**
 * @file Converts a record of any public schema to a battle, or gives the reason why not. Strict JSON; never evaluates
 * data.
 */

import type { Battle, BattleFlag, Winner } from '../battle.js';
import { isBlank, repairSurrogates, sameTurns } from '../text.js';
import type { Schema } from './schema.js';

/**
 * Why a record is not a battle. `bad_json`: not JSON, or not the schema's type. `no_turns`: an empty list. `bad_roles`:
 * not user, assistant, user, assistant, ... `non_text_content`: an image or another part. `prompt_mismatch`: the two
 * sides were asked different things. `turn_mismatch`: different numbers of turns. `bad_winner`: an unknown label.
 * `empty_prompt`. `bad_id`: an id that is no text and no whole number.
 */
export const REJECT_REASONS = [
  'bad_json',
  'no_turns',
  'bad_roles',
  'non_text_content',
  'prompt_mismatch',
  'turn_mismatch',
  'bad_winner',
  'empty_prompt',
  'bad_id',
] as const;

/** One of {@link REJECT_REASONS}. */
export type RejectReason = (typeof REJECT_REASONS)[number];

class Rejected extends Error {
  constructor(readonly reason: RejectReason) {
    super(reason);
  }
}

type Row = Record<string, unknown>;

/** What to do with images, tool calls and other parts of a message that are not text. */
export type NonText = 'reject' | 'leave-out';

interface Reading {
  flags: Set<BattleFlag>;
  nonText: NonText;
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

/** Converts a record (null: a line that is not JSON) to a battle, or gives the first reason to reject it. */
export function normalizeRow(
  record: Row | null,
  schema: Schema,
  row: number,
  id: string,
  nonText: NonText = 'reject',
): Battle | RejectReason {
  try {
    return toBattle(record, schema, row, id, nonText);
  } catch (error) {
    if (error instanceof Rejected) return error.reason;
    throw error;
  }
}

function toBattle(record: Row | null, schema: Schema, row: number, id: string, nonText: NonText): Battle {
  if (record === null) throw new Rejected('bad_json');
  const flags = new Set<BattleFlag>();
  const raw = readTurns(record, schema, { flags, nonText });
  if (raw.prompt.length !== raw.responseA.length || raw.prompt.length !== raw.responseB.length)
    throw new Rejected('turn_mismatch');
  const winner = readWinner(record);
  const repair = (turn: string) => {
    const repaired = repairSurrogates(turn);
    if (repaired !== turn) flags.add('surrogate_repaired');
    return repaired;
  };
  const prompt = raw.prompt.map(repair);
  const responseA = raw.responseA.map(repair);
  const responseB = raw.responseB.map(repair);
  if (isBlank(prompt)) throw new Rejected('empty_prompt');
  const blank = Number(isBlank(responseA)) + Number(isBlank(responseB));
  if (blank > 0) flags.add(blank === 2 ? 'both_empty' : 'one_empty');
  if (sameTurns(responseA, responseB)) flags.add('identical');
  if (prompt.length > 1) flags.add('multi_turn');
  const battle: Battle = {
    id: schema === 'mt_bench' ? judgmentId(id, record) : id,
    prompt,
    responseA,
    responseB,
    winner,
    row,
    flags: [...flags].sort(),
  };
  addExtras(battle, record);
  return battle;
}

interface Turns {
  prompt: string[];
  responseA: string[];
  responseB: string[];
}

function readTurns(record: Row, schema: Schema, reading: Reading): Turns {
  switch (schema) {
    case 'wsdm':
    case 'jsonl':
      return fields(record, (value) => plainTurns(value, reading));
    case 'lmsys':
    case 'arena55k':
      return fields(record, (value) => textList(parseJson(value), reading));
    default: {
      const a = conversation(record.conversation_a, reading);
      const b = conversation(record.conversation_b, reading);
      // In MT-Bench the vote is on the answer to one turn: later turns were not judged.
      const judged = schema === 'mt_bench' && record.turn != null ? Number(record.turn) : undefined;
      const cut = (turns: string[]) => turns.slice(0, judged);
      if (!sameTurns(cut(a.user), cut(b.user))) throw new Rejected('prompt_mismatch');
      return { prompt: cut(a.user), responseA: cut(a.assistant), responseB: cut(b.assistant) };
    }
  }
}

function fields(record: Row, read: (value: unknown) => string[]): Turns {
  return { prompt: read(record.prompt), responseA: read(record.response_a), responseB: read(record.response_b) };
}

/** A text, a list of texts (one a turn), or null. */
function plainTurns(value: unknown, reading: Reading): string[] {
  return textList(Array.isArray(value) ? value : [value ?? null], reading);
}

function textList(value: unknown, reading: Reading): string[] {
  if (!Array.isArray(value)) throw new Rejected('bad_json');
  if (!value.every((item) => item === null || typeof item === 'string')) throw new Rejected('bad_json');
  if (value.length === 0) throw new Rejected('no_turns');
  return value.map((item: string | null) => orEmpty(item, reading));
}

function orEmpty(text: string | null, reading: Reading): string {
  if (text === null) reading.flags.add('null_turn');
  return text ?? '';
}

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string') throw new Rejected('bad_json');
  try {
    return JSON.parse(value);
  } catch {
    throw new Rejected('bad_json');
  }
}

/** A list of {role, content}, or a JSON string of one; leading system messages are dropped. */
function conversation(value: unknown, reading: Reading): { user: string[]; assistant: string[] } {
  const list = typeof value === 'string' ? parseJson(value) : value;
  if (!Array.isArray(list)) throw new Rejected('bad_json');
  let first = 0;
  while (first < list.length && roleOf(list[first]) === 'system') first++;
  const messages = list.slice(first);
  if (messages.length === 0) throw new Rejected('no_turns');
  if (messages.length % 2 || messages.some((message, i) => roleOf(message) !== (i % 2 ? 'assistant' : 'user'))) {
    throw new Rejected('bad_roles');
  }
  const contents = (odd: number) =>
    messages.filter((_, i) => i % 2 === odd).map((message) => contentOf(message.content, reading));
  return { user: contents(0), assistant: contents(1) };
}

function roleOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as Row).role : undefined;
}

/** A text, null, or a list of parts whose texts are joined by line breaks. */
function contentOf(content: unknown, reading: Reading): string {
  if (content === null || content === undefined) return orEmpty(null, reading);
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return withoutText(reading).join();
  return content.flatMap((part: unknown) => textOfPart(part) ?? withoutText(reading)).join('\n');
}

/** The text of a part. Undefined for an image, a tool's call or result, and unknown parts. */
function textOfPart(part: unknown): string | undefined {
  if (typeof part !== 'object' || part === null) return undefined;
  const { type, text, image } = part as Row;
  if (type !== 'text' || image || (text != null && typeof text !== 'string')) return undefined;
  return text ?? '';
}

/** Drops a part, or rejects the row. */
function withoutText({ flags, nonText }: Reading): string[] {
  if (nonText === 'reject') throw new Rejected('non_text_content');
  flags.add('non_text_left_out');
  return [];
}

function readWinner(record: Row): Winner {
  if ('winner_tie' in record) {
    const hot = [record.winner_model_a, record.winner_model_b, record.winner_tie].map(toBit);
    if (hot.some((bit) => bit === null) || hot.filter((bit) => bit === 1).length !== 1)
      throw new Rejected('bad_winner');
    return (['a', 'b', 'tie'] as const)[hot.indexOf(1)];
  }
  if (!('winner' in record)) return null;
  const { winner } = record;
  if (typeof winner !== 'string' || !Object.hasOwn(WINNERS, winner)) throw new Rejected('bad_winner');
  return WINNERS[winner];
}

/** 0 or 1 as a number, bigint, boolean or CSV text; null for anything else. */
function toBit(value: unknown): 0 | 1 | null {
  const bit = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (bit === 0 || bit === 0n || bit === false) return 0;
  if (bit === 1 || bit === 1n || bit === true) return 1;
  return null;
}

/** In MT-Bench a question has many judgments. */
function judgmentId(id: string, record: Row): string {
  const rest = [record.model_a, record.model_b, record.judge, record.turn];
  const isPlain = (part: unknown) => typeof part !== 'object' || part === null;
  if (!rest.every((part) => isPlain(part) || (Array.isArray(part) && part.every(isPlain))))
    throw new Rejected('bad_id');
  return [id, ...rest].map(String).join(':');
}

function addExtras(battle: Battle, record: Row): void {
  const modelA = textOrNone(record.model_a);
  const modelB = textOrNone(record.model_b);
  const language = textOrNone(record.language);
  const session = textOrNone(record.evaluation_session_id) ?? textOrNone(record.session);
  if (modelA !== undefined) battle.modelA = modelA;
  if (modelB !== undefined) battle.modelB = modelB;
  if (language !== undefined) battle.language = language;
  if (typeof record.category === 'string' && record.category !== '') battle.category = record.category;
  if (session !== undefined) battle.session = session;
  const weight = Number(record.weight ?? Number.NaN);
  if (weight >= 0 && Number.isFinite(weight)) battle.weight = weight;
  const softLabel = readProbabilities(record.soft_label) ?? readLogits(record.teacher_logits);
  if (softLabel) battle.softLabel = softLabel;
}

/** Numbers of a, b and, with three, tie: a list, or a JSON string of one; undefined for anything else. */
function numbersOf(value: unknown): number[] | undefined {
  const list = typeof value === 'string' ? parseJson(value) : value;
  const isList = Array.isArray(list) && (list.length === 2 || list.length === 3);
  return isList && list.every((one) => typeof one === 'number' && Number.isFinite(one)) ? list : undefined;
}

function readProbabilities(value: unknown): number[] | undefined {
  const numbers = numbersOf(value);
  return numbers?.every((p) => p >= 0 && p <= 1) ? numbers : undefined;
}

/** softmax of a teacher's logits. */
function readLogits(value: unknown): number[] | undefined {
  const logits = numbersOf(value);
  if (!logits) return undefined;
  const top = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - top));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

function textOrNone(value: unknown): string | undefined {
  return value === null || value === undefined || value === '' ? undefined : String(value);
}
