/** @file Turns of a conversation, from texts, lists of texts, and lists of messages in their public spellings. */

import type { BattleFlag } from '../battle.js';
import { Rejected, shown } from './rejected.js';

/** What to do with images, tool calls and other parts of a message that are not text. */
export type NonText = 'reject' | 'leave-out';

/** How a record is read, and what was noticed in it. */
export interface Reading {
  flags: Set<BattleFlag>;
  nonText: NonText;
}

/** What a person said and what was answered, one entry a turn. */
export interface Turns {
  user: string[];
  assistant: string[];
}

type Role = 'system' | 'user' | 'assistant';

export interface Message {
  role: Role;
  text: string;
}

type Row = Record<string, unknown>;

/** A text, a list of texts (one a turn), or null. */
export function plainTurns(value: unknown, reading: Reading, name: string): string[] {
  return textList(Array.isArray(value) ? value : [value ?? null], reading, name);
}

export function textList(value: unknown, reading: Reading, name: string): string[] {
  if (!Array.isArray(value) || !value.every((item) => item === null || typeof item === 'string')) {
    throw new Rejected('bad_json', `${name} is ${shown(value)}; a text or a list of texts is expected`);
  }
  if (value.length === 0) throw new Rejected('no_turns', `${name} is an empty list`);
  return value.map((item: string | null) => orEmpty(item, reading));
}

/** The content of a text that holds JSON. A Python list is named: it is never evaluated. */
export function parseJson(value: unknown, name: string): unknown {
  if (typeof value !== 'string')
    throw new Rejected('bad_json', `${name} is ${shown(value)}; JSON in a text is expected`);
  try {
    return JSON.parse(value);
  } catch {
    const hint = isPythonList(value)
      ? 'a list as Python prints it, not JSON; write the column with json.dumps'
      : 'not JSON';
    throw new Rejected('bad_json', `${name} is ${hint}: ${shown(value)}`);
  }
}

/** True for a list or a dict as Python's `str()` writes it. */
export function isPythonList(text: string): boolean {
  return /^\s*\[\s*(['"]|None\b|\{\s*')/.test(text) && /['"}]\s*\]\s*$|None\s*\]\s*$/.test(text) && !isJson(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Messages of a list, of a JSON text of one, or of one message alone. */
export function messagesOf(value: unknown, reading: Reading, name: string): Message[] {
  const parsed = typeof value === 'string' ? parseJson(value, name) : value;
  const list = Array.isArray(parsed) || !isRow(parsed) ? parsed : [parsed];
  if (!Array.isArray(list)) {
    throw new Rejected('bad_json', `${name} is ${shown(value)}; a list of messages with role and content is expected`);
  }
  return list.map((message, i) => {
    const role = roleOf(message);
    if (!role) throw new Rejected('bad_roles', `message ${i} of ${name} is ${shown(message)}; its role is unknown`);
    return { role, text: contentOf(message, reading, name) };
  });
}

/** True for a list of messages, one message, or a text that begins like JSON of one. */
export function holdsMessages(value: unknown): boolean {
  if (typeof value === 'string') return /^\s*\[?\s*\{\s*["'](role|content|from|value)["']\s*:/.test(value);
  return Array.isArray(value) ? value.length === 0 || value.some(isRow) : isRow(value);
}

/** Rounds of user and assistant. System messages in front are left out, or lead the first turn as in Gemma's template. */
export function toTurns(messages: Message[], system: 'drop' | 'lead', name: string): Turns {
  const first = messages.findIndex(({ role }) => role !== 'system');
  if (first < 0) throw new Rejected('no_turns', `${name} has no message`);
  if (system === 'lead' && first > 1) throw new Rejected('bad_roles', `${name} has ${first} system messages`);
  const rounds = messages.slice(first);
  if (rounds.length % 2 || rounds.some(({ role }, i) => role !== (i % 2 ? 'assistant' : 'user'))) {
    const roles = shown(rounds.map(({ role }) => role));
    throw new Rejected(
      'bad_roles',
      `${name} has the roles ${roles}; user, assistant, user, assistant, ... is expected`,
    );
  }
  const texts = (odd: number) => rounds.filter((_, i) => i % 2 === odd).map(({ text }) => text);
  const turns = { user: texts(0), assistant: texts(1) };
  if (system === 'lead' && first === 1) turns.user[0] = `${messages[0].text}\n\n${turns.user[0]}`;
  return turns;
}

const ROLES: Record<string, Role> = {
  system: 'system',
  user: 'user',
  human: 'user',
  prompter: 'user',
  assistant: 'assistant',
  model: 'assistant',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
};

/** The role under OpenAI's name or ShareGPT's. */
function roleOf(message: unknown): Role | undefined {
  if (!isRow(message)) return undefined;
  const role = message.role ?? message.from;
  return typeof role === 'string' && Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
}

/** A text, null, or a list of parts whose texts are joined by line breaks. */
function contentOf(message: Row, reading: Reading, name: string): string {
  const content = message.content ?? message.value;
  if (content === null || content === undefined) return orEmpty(null, reading);
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return withoutText(reading, content, name).join();
  return content.flatMap((part: unknown) => textOfPart(part) ?? withoutText(reading, part, name)).join('\n');
}

/** The text of a part. Undefined for an image, a tool's call or result, and unknown parts. */
function textOfPart(part: unknown): string | undefined {
  if (!isRow(part)) return undefined;
  const { type, text, image } = part;
  if (type !== 'text' || image || (text != null && typeof text !== 'string')) return undefined;
  return text ?? '';
}

/** Drops a part, or rejects the row. */
function withoutText({ flags, nonText }: Reading, part: unknown, name: string): string[] {
  if (nonText === 'reject') throw new Rejected('non_text_content', `${name} has a part without text: ${shown(part)}`);
  flags.add('non_text_left_out');
  return [];
}

export function orEmpty(text: string | null, reading: Reading): string {
  if (text === null) reading.flags.add('null_turn');
  return text ?? '';
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SPEAKER = /(?:^|\n\n)(Human|Assistant):/;

/** True for a transcript as Anthropic's HH sets have it: "\n\nHuman: ...\n\nAssistant: ...". */
export function isTranscript(text: string): boolean {
  return /^\s*Human:/.test(text) && /\n\nAssistant:/.test(text);
}

/**
 * Messages of a transcript. One space after the colon belongs to the mark. Two parts of one speaker in a row are one
 * message, joined by an empty line: the mark may stand in a text.
 */
export function transcriptMessages(text: string, { flags }: Reading): Message[] {
  const [, ...pieces] = text.trimStart().split(SPEAKER);
  const messages: Message[] = [];
  for (let i = 0; i < pieces.length; i += 2) {
    const role = pieces[i] === 'Human' ? 'user' : 'assistant';
    const said = pieces[i + 1].replace(/^ /, '');
    const before = messages.at(-1);
    if (before?.role === role) {
      before.text += `\n\n${said}`;
      flags.add('roles_joined');
    } else messages.push({ role, text: said });
  }
  return messages;
}
