/** @file Finds battles with the same texts by hash, without keeping texts. */

import type { Battle } from './battle.js';
import { textKey } from './hash.js';

/** Keys of a battle's texts: `same` in this order, `swapped` with A and B exchanged. */
export interface TextKeys {
  same: string;
  swapped: string;
}

/** Keys of a battle's texts, with the hashed texts. */
interface Known extends TextKeys {
  texts: string[];
  rounds: number;
}

/** Cache of the keys that reading has computed. Weak by battle, so that no text outlives it. */
const known = new WeakMap<Battle, Known>();

/** The keys of a battle. Hashed once, unless a text has changed. */
export function textKeys(battle: Battle): TextKeys {
  const { prompt, responseA, responseB } = battle;
  const texts = [...prompt, ...responseA, ...responseB];
  const before = known.get(battle);
  if (before && isSame(before, texts, prompt.length) && responseA.length === responseB.length) return before;
  // Keys have one length, so they need nothing between them.
  const [first, a, b] = [textKey(prompt), textKey(responseA), textKey(responseB)];
  const keys = { same: first + a + b, swapped: first + b + a, texts, rounds: prompt.length };
  if (responseA.length === responseB.length) known.set(battle, keys);
  return keys;
}

function isSame(before: Known, texts: string[], rounds: number): boolean {
  return (
    before.rounds === rounds &&
    before.texts.length === texts.length &&
    texts.every((text, i) => text === before.texts[i])
  );
}
