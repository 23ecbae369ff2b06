/**
 * @file Preferences without an order of A and B: chosen and rejected, or several answers with ranks or scores. A hash of
 * the texts draws which answer is A, so that the vote is not in the order.
 */

import type { Winner } from '../battle.js';
import { textKey } from '../hash.js';
import { Rejected, shown } from './rejected.js';
import {
  holdsMessages,
  isRow,
  isTranscript,
  type Message,
  messagesOf,
  orEmpty,
  type Reading,
  toTurns,
  transcriptMessages,
} from './turns.js';
import { scoreOf } from './vote.js';

type Row = Record<string, unknown>;

/** Two answers to one prompt, and which one was preferred. */
export interface Pair {
  prompt: string[];
  responseA: string[];
  responseB: string[];
  winner: Winner;
  modelA?: unknown;
  modelB?: unknown;
  /** What tells this pair from the others of its record. */
  name?: string;
}

/** The pair of `chosen` and `rejected`: texts, HH transcripts, messages, or a last message after a prompt. */
export function preferencePair(record: Row, reading: Reading): Pair {
  const asked = askedOf(record, reading);
  const chosen = sideOf(record.chosen, asked, reading, 'chosen');
  const rejected = sideOf(record.rejected, asked, reading, 'rejected');
  if (!sameTexts(chosen.user, rejected.user)) {
    throw new Rejected(
      'prompt_mismatch',
      `the user's turns of chosen and rejected differ: ${difference(chosen.user, rejected.user)}`,
    );
  }
  return drawn(
    chosen.user,
    { answer: chosen.assistant, model: record.chosen_model },
    { answer: rejected.assistant, model: record.rejected_model },
    'a',
  );
}

/** All pairs of ranked or scored answers. Equal ranks tie. */
export function rankedPairs(record: Row, reading: Reading): Pair[] {
  const asked = askedOf(record, reading);
  const answers = answersOf(record);
  const values = answers.map((_, i) => worthOf(record, answers, i));
  const read = answers.map((answer, i) => {
    const turns = sideOf(textOf(answer), asked, reading, `answer ${i}`);
    return { user: turns.user, answer: turns.assistant, model: isRow(answer) ? answer.model : undefined };
  });
  const pairs: Pair[] = [];
  for (let i = 0; i < read.length; i++) {
    for (let j = i + 1; j < read.length; j++) {
      const winner = values[i] > values[j] ? 'a' : values[i] < values[j] ? 'b' : 'tie';
      const name = read.length > 2 ? `${i}-${j}` : undefined;
      pairs.push({ ...drawn(read[i].user, read[i], read[j], winner), name });
    }
  }
  return pairs;
}

interface Answer {
  answer: string[];
  model?: unknown;
}

/** A and B by a hash of the texts. `winner` is of the order given. */
function drawn(prompt: string[], first: Answer, second: Answer, winner: Winner): Pair {
  const key = ({ answer }: Answer) => textKey([...prompt, ...answer]);
  const swap = key(second) < key(first);
  const [a, b] = swap ? [second, first] : [first, second];
  const flipped = winner === 'a' ? 'b' : winner === 'b' ? 'a' : winner;
  return {
    prompt,
    responseA: a.answer,
    responseB: b.answer,
    winner: swap ? flipped : winner,
    modelA: a.model,
    modelB: b.model,
  };
}

/** What was asked, as messages: a prompt or question, with the instruction's input and a system prompt, or messages. */
function askedOf(record: Row, reading: Reading): Message[] {
  const value = record.prompt ?? record.question ?? record.instruction ?? record.messages ?? record.conversations;
  const system: Message[] =
    typeof record.system === 'string' && record.system.trim() ? [{ role: 'system', text: record.system }] : [];
  if (value === undefined || value === null) return system;
  if (typeof value !== 'string' || holdsMessages(value))
    return [...system, ...messagesOf(value, reading, 'the prompt')];
  if (isTranscript(value)) {
    const messages = transcriptMessages(value, reading);
    // "...\n\nAssistant:" leads to the answer
    if (messages.at(-1)?.role === 'assistant' && !messages.at(-1)?.text.trim()) messages.pop();
    return [...system, ...messages];
  }
  const input = typeof record.input === 'string' && record.input !== '' ? `\n${record.input}` : '';
  return [...system, { role: 'user', text: value + input }];
}

/** One side as rounds: a whole conversation, or an answer to what was asked. */
function sideOf(value: unknown, asked: Message[], reading: Reading, name: string) {
  const said = saidOf(value, reading, name);
  if (said.length === 0) throw new Rejected('no_turns', `${name} is an empty list`);
  const whole = said[0].role !== 'assistant' || asked.length === 0 ? withSystem(said, asked) : [...asked, ...said];
  if (whole.every(({ role }) => role !== 'user')) {
    throw new Rejected('empty_prompt', `${name} is an answer without a prompt; a column prompt is expected`);
  }
  return toTurns(whole, 'lead', name);
}

/** A conversation that begins with the user keeps a system prompt that stands in a column. */
function withSystem(said: Message[], asked: Message[]): Message[] {
  const system = asked.filter(({ role }) => role === 'system');
  return said[0].role === 'system' ? said : [...system, ...said];
}

function saidOf(value: unknown, reading: Reading, name: string): Message[] {
  if (value === null || value === undefined) return [{ role: 'assistant', text: orEmpty(null, reading) }];
  if (typeof value !== 'string' || holdsMessages(value)) return messagesOf(value, reading, name);
  return isTranscript(value) ? transcriptMessages(value, reading) : [{ role: 'assistant', text: value }];
}

/** The list of answers under its public names. */
const ANSWERS = ['responses', 'answers', 'completions', 'candidates'];

function answersOf(record: Row): unknown[] {
  const name = ANSWERS.find((one) => record[one] !== undefined && record[one] !== null);
  const list = name && typeof record[name] === 'string' ? tryJson(record[name]) : record[name ?? ''];
  if (!Array.isArray(list)) throw new Rejected('bad_json', `${name} is ${shown(list)}; a list of answers is expected`);
  if (list.length < 2) throw new Rejected('no_turns', `${name} has ${list.length} answers; two or more are expected`);
  return list;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A message, or the text of an answer with a rank or score of its own. */
function textOf(answer: unknown): unknown {
  if (!isRow(answer) || 'role' in answer || 'from' in answer) return answer;
  return answer.text ?? answer.response ?? answer.answer ?? answer.content ?? answer.completion;
}

const SCORES = ['scores', 'rewards', 'overall_score', 'score', 'reward'];
const RANKS = ['ranks', 'ranking', 'rank'];

/** How good an answer is: its score, or the rank turned round. */
function worthOf(record: Row, answers: unknown[], i: number): number {
  const own = isRow(answers[i]) ? (answers[i] as Row) : {};
  for (const [names, sign] of [
    [SCORES, 1],
    [RANKS, -1],
  ] as const) {
    const name = names.find((one) => own[one] !== undefined || record[one] !== undefined);
    if (!name) continue;
    if (own[name] !== undefined) return sign * scoreOf(own[name]);
    const list = typeof record[name] === 'string' ? tryJson(record[name]) : record[name];
    if (!Array.isArray(list) || list.length !== answers.length) {
      throw new Rejected(
        'bad_winner',
        `${name} is ${shown(list)}; a number for each of ${answers.length} answers is expected`,
      );
    }
    return sign * scoreOf(list[i]);
  }
  throw new Rejected('bad_winner', `no rank or score for answer ${i}; columns ranks or scores are expected`);
}

function sameTexts(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

function difference(a: string[], b: string[]): string {
  const at = a.findIndex((text, i) => text !== b[i]);
  return at < 0 ? `${a.length} and ${b.length} turns` : `turn ${at} is ${shown(a[at])} and ${shown(b[at] ?? null)}`;
}
