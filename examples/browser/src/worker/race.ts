/** @file Ten battles of the test part on which a person, the judge and two simple rules compete. */
import type { Battle } from '@arena/data';
import type { BattleView } from '../protocol.js';
import type { Votes } from './votes.js';

const COUNT = 10;
/** Longest answer that a person is asked to read, in characters. */
const READABLE = 1500;

/** The first battles of the test part that have a vote; those with short answers before others. */
export function raceBattles({ splits }: Votes): Battle[] {
  const decided = splits.test.filter(({ winner }) => winner === 'a' || winner === 'b');
  const length = ({ prompt, responseA, responseB }: Battle) =>
    Math.max(...[prompt, responseA, responseB].map((turns) => turns.join('\n').length));
  const short = decided.filter((battle) => length(battle) <= READABLE);
  return [...short, ...decided.filter((battle) => !short.includes(battle))].slice(0, COUNT);
}

export function viewOf({ id, prompt, responseA, responseB, winner }: Battle): BattleView {
  return { id, prompt, responseA, responseB, winner };
}
