/** @file Groups battles that belong together: same question, same session. */

import type { Battle } from '../battle.js';
import { textKey } from '../hash.js';
import { normalizeText } from '../text.js';

/** A battle's question in normal form, and its key. */
export interface Prompt {
  text: string;
  key: string;
}

/**
 * A key that two battles share when their prompt is the same question: its turns joined, Unicode, case and white space
 * normalised. Splits keep battles together by it, and count leaks by it. Give it to `evaluate` and `compareRuns` of
 * `@arena/eval`, so that reports count by it, too.
 */
export function promptKey(battle: { prompt: readonly string[] }): string {
  return readPrompt(battle).key;
}

/** The question of a battle; the turns are joined. */
export function readPrompt(battle: { prompt: readonly string[] }): Prompt {
  const text = normalizeText(battle.prompt.join('\n'));
  return { text, key: textKey([text]) };
}

/** Joins items into sets (union by size, path halving). */
class UnionFind {
  private readonly parent: Int32Array;
  private readonly size: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, i) => i);
    this.size = new Int32Array(count).fill(1);
  }

  find(item: number): number {
    let at = item;
    while (this.parent[at] !== at) at = this.parent[at] = this.parent[this.parent[at]];
    return at;
  }

  join(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    if (x === y) return;
    const [small, large] = this.size[x] < this.size[y] ? [x, y] : [y, x];
    this.parent[small] = large;
    this.size[large] += this.size[small];
  }
}

/** A set of battles that must stay together. */
export interface Group {
  /** The least prompt key of its members, so the order of the battles does not matter. */
  key: string;
  /** Indices into the list of battles. */
  members: number[];
}

/** Groups battles that share a prompt or a session, directly or through others; `also` joins further pairs. */
export function groupBattles(battles: Battle[], keys: string[], also: Iterable<[number, number]> = []): Group[] {
  const sets = new UnionFind(battles.length);
  const withPrompt = new Map<string, number>();
  const inSession = new Map<string, number>();
  const meet = (first: Map<string, number>, name: string, index: number) => {
    const known = first.get(name);
    if (known === undefined) first.set(name, index);
    else sets.join(known, index);
  };
  battles.forEach(({ session }, index) => {
    meet(withPrompt, keys[index], index);
    if (session !== undefined) meet(inSession, session, index);
  });
  for (const [a, b] of also) sets.join(a, b);
  const groups: Group[] = [];
  const groupOf: Group[] = new Array(battles.length); // group by root
  for (let index = 0; index < battles.length; index++) {
    const root = sets.find(index);
    const group = groupOf[root];
    if (!group) groups.push((groupOf[root] = { key: keys[index], members: [index] }));
    else {
      group.members.push(index);
      if (keys[index] < group.key) group.key = keys[index];
    }
  }
  return groups;
}
