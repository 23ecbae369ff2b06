/** @file Inputs of a pipeline: two answers to a prompt, checked. */
import type { Battle } from '@arena/data';
import type { Pair } from '@arena/judge/run';
import { TransformersError } from './error.js';

const FIELDS = ['prompt', 'responseA', 'responseB'] as const;

/**
 * A battle without a vote.
 * @param where Says which input it is in messages.
 * @throws TransformersError (`input`) naming the field that is missing or no text, or fields of different numbers of turns.
 */
export function battleOf(pair: Pair, where: string): Battle {
  const battle: Battle = {
    id: String(pair.id ?? '0'),
    row: 0,
    prompt: [],
    responseA: [],
    responseB: [],
    winner: null,
    flags: [],
  };
  for (const field of FIELDS) battle[field] = turnsOf(pair[field], `${where}${field}`);
  const odd = FIELDS.find((field) => battle[field].length !== battle.prompt.length);
  if (odd === undefined) return battle;
  throw new TransformersError(
    'input',
    `${where}${odd} has ${battle[odd].length} turns, the prompt ${battle.prompt.length}: give a text for each turn`,
  );
}

function turnsOf(value: unknown, field: string): string[] {
  const turns: unknown[] = Array.isArray(value) ? value : [value];
  const bad = turns.findIndex((turn) => typeof turn !== 'string');
  if (turns.length && bad < 0) return turns as string[];
  const is = value === undefined ? 'missing' : turns.length ? kindOf(turns[bad]) : 'a list without turns';
  throw new TransformersError('input', `${field} is ${is}: a text, or a list of a text for each turn, is expected`);
}

/** What a value is, in a few words. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
