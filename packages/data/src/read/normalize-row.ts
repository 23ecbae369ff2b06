/** @file Converts a record of any public schema to battles, or gives the reason why not. Never evaluates data. */

import type { Battle, BattleFlag } from '../battle.js';
import { isBlank, repairSurrogates, sameTurns } from '../text.js';
import type { IdOf } from './ids.js';
import { type Pair, preferencePair, rankedPairs } from './pairs.js';
import { Rejected, type Rejection, shown } from './rejected.js';
import type { Schema } from './schema.js';
import { messagesOf, type NonText, parseJson, plainTurns, type Reading, textList, toTurns } from './turns.js';
import { isMissing, readWinner, type Voting } from './vote.js';

type Row = Record<string, unknown>;

/** How the records of a file are read. */
export interface Layout {
  schema: Schema;
  voting: Voting;
  nonText?: NonText;
}

/**
 * Converts a record (null: a line that is not JSON) to battles, or gives the first reason to reject it. Only a record
 * with more than two ranked answers has several.
 * @param idOf Gives a record its id.
 */
export function normalizeRow(record: Row | null, layout: Layout, row: number, idOf: IdOf): Battle[] | Rejection {
  try {
    return toBattles(record, layout, row, idOf);
  } catch (error) {
    if (error instanceof Rejected) return { reason: error.reason, detail: error.detail };
    throw error;
  }
}

function toBattles(
  record: Row | null,
  { schema, voting, nonText = 'reject' }: Layout,
  row: number,
  idOf: IdOf,
): Battle[] {
  if (record === null) throw new Rejected('bad_json', 'the line is not a JSON object');
  const flags = new Set<BattleFlag>();
  const pairs = readPairs(record, schema, voting, { flags, nonText });
  const own = idOf(record, row);
  const id = schema === 'mt_bench' ? judgmentId(own, record) : own;
  const battles = pairs.map((pair) => toBattle(pair, pair.name ? `${id}:${pair.name}` : id, row, new Set(flags)));
  for (const [i, battle] of battles.entries()) addExtras(battle, record, pairs[i], battles.length);
  return battles;
}

function toBattle(raw: Pair, id: string, row: number, flags: Set<BattleFlag>): Battle {
  const lengths = [raw.prompt.length, raw.responseA.length, raw.responseB.length];
  if (lengths.some((length) => length !== lengths[0])) {
    throw new Rejected('turn_mismatch', `prompt and answers have ${lengths.join(', ')} turns`);
  }
  const repair = (turn: string) => {
    const repaired = repairSurrogates(turn);
    if (repaired !== turn) flags.add('surrogate_repaired');
    return repaired;
  };
  const prompt = raw.prompt.map(repair);
  const responseA = raw.responseA.map(repair);
  const responseB = raw.responseB.map(repair);
  if (isBlank(prompt)) throw new Rejected('empty_prompt', 'the prompt is empty');
  const blank = Number(isBlank(responseA)) + Number(isBlank(responseB));
  if (blank > 0) flags.add(blank === 2 ? 'both_empty' : 'one_empty');
  if (sameTurns(responseA, responseB)) flags.add('identical');
  if (prompt.length > 1) flags.add('multi_turn');
  return { id, prompt, responseA, responseB, winner: raw.winner, row, flags: [...flags].sort() };
}

function readPairs(record: Row, schema: Schema, voting: Voting, reading: Reading): Pair[] {
  if (schema === 'preference') return [preferencePair(record, reading)];
  if (schema === 'ranked') return rankedPairs(record, reading);
  const texts = readTexts(record, schema, reading);
  return [{ ...texts, winner: readWinner(record, voting) }];
}

function readTexts(record: Row, schema: Schema, reading: Reading): Omit<Pair, 'winner'> {
  switch (schema) {
    case 'wsdm':
    case 'jsonl':
      return fields(record, (value, name) => plainTurns(value, reading, name));
    case 'lmsys':
    case 'arena55k':
      return fields(record, (value, name) =>
        textList(Array.isArray(value) ? value : parseJson(value, name), reading, name),
      );
    case 'messages':
      return sides(record, 'messages_a', 'messages_b', 'lead', reading);
    default:
      return sides(record, 'conversation_a', 'conversation_b', 'drop', reading, schema === 'mt_bench');
  }
}

function fields(record: Row, read: (value: unknown, name: string) => string[]): Omit<Pair, 'winner'> {
  return {
    prompt: read(record.prompt, 'prompt'),
    responseA: read(record.response_a, 'response_a'),
    responseB: read(record.response_b, 'response_b'),
  };
}

/** Two whole conversations. In MT-Bench the vote is on the answer to one turn: later turns were not judged. */
function sides(
  record: Row,
  nameA: string,
  nameB: string,
  system: 'drop' | 'lead',
  reading: Reading,
  judgesTurn = false,
): Omit<Pair, 'winner'> {
  const a = toTurns(messagesOf(record[nameA], reading, nameA), system, nameA);
  const b = toTurns(messagesOf(record[nameB], reading, nameB), system, nameB);
  const judged = judgesTurn && record.turn != null ? Number(record.turn) : undefined;
  const cut = (turns: string[]) => turns.slice(0, judged);
  if (!sameTurns(cut(a.user), cut(b.user))) {
    throw new Rejected('prompt_mismatch', `the user's turns of ${nameA} and ${nameB} differ`);
  }
  return { prompt: cut(a.user), responseA: cut(a.assistant), responseB: cut(b.assistant) };
}

/** In MT-Bench a question has many judgments. */
function judgmentId(id: string, record: Row): string {
  const rest = [record.model_a, record.model_b, record.judge, record.turn];
  const isPlain = (part: unknown) => typeof part !== 'object' || part === null;
  const odd = rest.find((part) => !isPlain(part) && !(Array.isArray(part) && part.every(isPlain)));
  if (odd !== undefined) throw new Rejected('bad_id', `a model, judge or turn is ${shown(odd)}; a text is expected`);
  return [id, ...rest].map(String).join(':');
}

function addExtras(battle: Battle, record: Row, pair: Pair, pairs: number): void {
  const modelA = textOrNone(pair.modelA ?? record.model_a);
  const modelB = textOrNone(pair.modelB ?? record.model_b);
  const language = textOrNone(record.language);
  const session = textOrNone(record.evaluation_session_id) ?? textOrNone(record.session);
  if (modelA !== undefined) battle.modelA = modelA;
  if (modelB !== undefined) battle.modelB = modelB;
  if (language !== undefined) battle.language = language;
  if (typeof record.category === 'string' && record.category !== '') battle.category = record.category;
  if (session !== undefined) battle.session = session;
  const weight = readWeight(record.weight);
  // all pairs of a record count as one vote
  if (weight !== undefined || pairs > 1) battle.weight = (weight ?? 1) / pairs;
  const softLabel = readProbabilities(record.soft_label) ?? readLogits(record.teacher_logits);
  if (softLabel) battle.softLabel = softLabel;
}

function readWeight(value: unknown): number | undefined {
  if (isMissing(value)) return undefined;
  const weight =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? Number(value) : -1;
  if (weight >= 0 && Number.isFinite(weight)) return weight;
  const hint = typeof value === 'string' && /^\s*\d+,\d+\s*$/.test(value) ? '; write a decimal point' : '';
  throw new Rejected('bad_weight', `weight is ${shown(value)}; a number from 0 is expected${hint}`);
}

/** Numbers of a, b and, with three, tie: a list, or a JSON string of one; undefined for an empty cell. */
function numbersOf(value: unknown, name: string): number[] | undefined {
  if (isMissing(value)) return undefined;
  const list = typeof value === 'string' ? parseJson(value, name) : value;
  const isList = Array.isArray(list) && (list.length === 2 || list.length === 3);
  if (isList && list.every((one) => typeof one === 'number' && Number.isFinite(one))) return list;
  throw new Rejected('bad_soft_label', `${name} is ${shown(value)}; a list of two or three numbers is expected`);
}

function readProbabilities(value: unknown): number[] | undefined {
  const numbers = numbersOf(value, 'soft_label');
  if (!numbers || numbers.every((p) => p >= 0 && p <= 1)) return numbers;
  throw new Rejected('bad_soft_label', `soft_label is ${shown(value)}; probabilities from 0 to 1 are expected`);
}

/** softmax of a teacher's logits. */
function readLogits(value: unknown): number[] | undefined {
  const logits = numbersOf(value, 'teacher_logits');
  if (!logits) return undefined;
  const top = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - top));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

function textOrNone(value: unknown): string | undefined {
  return value === null || value === undefined || value === '' || typeof value === 'object' ? undefined : String(value);
}
