/** @file A battle as a plain record, for writing JSON lines. */

import type { Battle } from '../battle.js';

/** A record of the plain schema: `prompt`, `response_a`, `response_b` have a text, or a list with a text a turn. */
export type BattleRecord = Record<string, string | number | string[] | number[]>;

const WINNERS = { a: 'model_a', b: 'model_b', tie: 'tie' } as const;

/**
 * Converts a battle to a record. `readBattles` with `schema: 'jsonl'` reads the same battle back, except its row and
 * the flag `null_turn`.
 */
export function battleToRecord(battle: Battle): BattleRecord {
  const text = (turns: string[]) => (turns.length === 1 ? turns[0] : turns);
  const record: BattleRecord = {
    id: battle.id,
    prompt: text(battle.prompt),
    response_a: text(battle.responseA),
    response_b: text(battle.responseB),
  };
  if (battle.winner !== null) record.winner = WINNERS[battle.winner];
  if (battle.modelA !== undefined) record.model_a = battle.modelA;
  if (battle.modelB !== undefined) record.model_b = battle.modelB;
  if (battle.language !== undefined) record.language = battle.language;
  if (battle.category !== undefined) record.category = battle.category;
  if (battle.session !== undefined) record.session = battle.session;
  if (battle.weight !== undefined) record.weight = battle.weight;
  if (battle.softLabel) record.soft_label = battle.softLabel;
  return record;
}
