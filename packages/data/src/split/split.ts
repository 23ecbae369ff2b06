/** @file Splits battles into train, validation and test so that no question and no session is in two parts. */

import type { Battle } from '../battle.js';
import { type Group, groupBattles, type Prompt, readPrompt } from '../clean/groups.js';
import { nearDuplicates } from '../clean/near-duplicates.js';
import { DataError } from '../error.js';
import { hash32, textKey } from '../hash.js';

/** Names of the parts, in the order of the ratio. */
export const SPLIT_NAMES = ['train', 'validation', 'test'] as const;

/** One of {@link SPLIT_NAMES}. */
export type SplitName = (typeof SPLIT_NAMES)[number];

/** How to split. */
export interface SplitOptions {
  /** Shares of train, validation and test; they are scaled to sum to 1. Default [0.7, 0.1, 0.2]. */
  ratio?: [number, number, number];
  seed?: number;
  /**
   * 'report' counts near-duplicate prompts across parts (default), 'group' keeps them together, 'ignore' skips the
   * search.
   */
  nearDuplicates?: 'report' | 'group' | 'ignore';
}

/** Leaks between parts. All are zero except near duplicates, which depend on the threshold. */
export interface LeakReport {
  /** Prompts, letter for letter, that are in more than one part. */
  exactPrompts: number;
  /** The same after normalising Unicode, case and white space. */
  normalizedPrompts: number;
  sessions: number;
  /** Pairs of almost equal prompts in different parts; null without a search. */
  nearDuplicates: number | null;
  examples: { similarity: number; ids: [string, string]; parts: [SplitName, SplitName] }[];
}

/** Sizes of the parts, and leaks between them. */
export interface SplitReport {
  groups: number;
  rows: Record<SplitName, number>;
  labels: Record<SplitName, Record<string, number>>;
  leaks: LeakReport;
}

/** The parts; battles keep their order. */
export interface Splits {
  train: Battle[];
  validation: Battle[];
  test: Battle[];
  report: SplitReport;
  options: Required<SplitOptions>;
}

/**
 * Splits by groups: battles with the same normalised prompt, or of the same session, stay together.
 *
 * It places large groups first; small ones then fill each part to its share of every label. A group's part depends only
 * on its texts and the seed, so the order of the battles does not matter.
 *
 * @throws DataError for an invalid ratio
 * @example
 * const { train, validation, test, report } = splitBattles(battles, { ratio: [0.7, 0.1, 0.2], seed: 42 });
 */
export function splitBattles(
  battles: Battle[],
  { ratio = [0.7, 0.1, 0.2], seed = 42, nearDuplicates: near = 'report' }: SplitOptions = {},
): Splits {
  const sum = ratio.reduce((total, share) => total + share, 0);
  if (ratio.length !== 3 || !(sum > 0) || ratio.some((share) => !(share >= 0))) {
    throw new DataError('argument', `ratio [${ratio}] cannot be split by: three shares of at least 0 are expected`);
  }
  const shares = ratio.map((share) => share / sum);
  const prompts = battles.map(readPrompt);
  const keys = prompts.map(({ key }) => key);
  const groups = groupBattles(battles, keys, near === 'group' ? nearPairs(prompts) : []);
  const partOf = assign(battles, groups, shares, seed);
  const pick = <T>(list: T[]) => {
    const part = (index: number) => list.filter((_, i) => partOf[i] === index);
    return { train: part(0), validation: part(1), test: part(2) };
  };
  const parts = pick(battles);
  return {
    ...parts,
    report: {
      groups: groups.length,
      rows: mapParts(parts, (list) => list.length),
      labels: mapParts(parts, countLabels),
      leaks: findLeaks(parts, pick(prompts), near !== 'ignore'),
    },
    options: { ratio, seed, nearDuplicates: near },
  };
}

/** Finds questions and sessions in more than one part of any split. */
export function leakReport(
  parts: Record<SplitName, Battle[]>,
  { nearDuplicates: lookForNear = true }: { nearDuplicates?: boolean } = {},
): LeakReport {
  return findLeaks(
    parts,
    mapParts(parts, (battles) => battles.map(readPrompt)),
    lookForNear,
  );
}

function findLeaks(
  parts: Record<SplitName, Battle[]>,
  prompts: Record<SplitName, Prompt[]>,
  lookForNear: boolean,
): LeakReport {
  // The parts of each text or session, as bits.
  const normalized = new Map<string, number>();
  const sessions = new Map<string, number>();
  const firsts: { battle: Battle; part: number; text: string }[] = []; // for each normalised prompt in each part
  const add = (table: Map<string, number>, key: string, part: number) => {
    const before = table.get(key) ?? 0;
    if ((before & (1 << part)) !== 0) return false;
    table.set(key, before | (1 << part));
    return true;
  };
  SPLIT_NAMES.forEach((name, part) => {
    parts[name].forEach((battle, i) => {
      const { text, key } = prompts[name][i];
      if (add(normalized, key, part)) firsts.push({ battle, part, text });
      if (battle.session !== undefined) add(sessions, battle.session, part);
    });
  });
  const isCrossing = (bits: number) => (bits & (bits - 1)) !== 0;
  const crossing = (table: Map<string, number>) => [...table.values()].filter(isCrossing).length;
  // A prompt can be in two parts verbatim only if its normal form is in two parts.
  const exact = new Map<string, number>();
  SPLIT_NAMES.forEach((name, part) => {
    parts[name].forEach((battle, i) => {
      if (isCrossing(normalized.get(prompts[name][i].key)!)) add(exact, textKey(battle.prompt), part);
    });
  });
  const partOf = Uint8Array.from(firsts, ({ part }) => part);
  const pairs = lookForNear
    ? nearDuplicates(
        firsts.map(({ text }) => text),
        { wanted: (a, b) => partOf[a] !== partOf[b] },
      )
    : null;
  return {
    exactPrompts: crossing(exact),
    normalizedPrompts: crossing(normalized),
    sessions: crossing(sessions),
    nearDuplicates: pairs?.length ?? null,
    examples: (pairs ?? []).slice(0, 5).map(({ a, b, similarity }) => ({
      similarity,
      ids: [firsts[a].battle.id, firsts[b].battle.id],
      parts: [SPLIT_NAMES[firsts[a].part], SPLIT_NAMES[firsts[b].part]],
    })),
  };
}

/** Part (0, 1, 2) of each battle. */
function assign(battles: Battle[], groups: Group[], shares: number[], seed: number): Uint8Array {
  const partOf = new Uint8Array(battles.length);
  const labels = [...new Set(battles.map(({ winner }) => winner))];
  const labelOf = Uint8Array.from(battles, ({ winner }) => labels.indexOf(winner));
  const totals = labels.map(() => 0);
  for (const label of labelOf) totals[label]++;
  const left = totals.map((count) => share(count, shares)); // rows that each part still wants, by label
  const draws = groups.map((group) => ({ group, draw: hash32(group.key, seed) }));
  draws.sort(
    (a, b) =>
      b.group.members.length - a.group.members.length || a.draw - b.draw || (a.group.key < b.group.key ? -1 : 1),
  );
  const open = [0, 1, 2].filter((part) => shares[part] > 0);
  const counts = labels.map(() => 0); // of the group to place
  const sum = (value: (label: number) => number) =>
    counts.reduce((total, count, label) => (count > 0 ? total + value(label) : total), 0);
  const lacking = (part: number) => sum((label) => Math.max(0, counts[label] - left[label][part]));
  const wants = (part: number) => sum((label) => left[label][part]) / shares[part];
  for (const { group, draw } of draws) {
    counts.fill(0);
    for (const index of group.members) counts[labelOf[index]]++;
    const drawn = partAt(draw / 2 ** 32, shares);
    // The drawn part if it has room; otherwise the one that overflows least, and among those the one that wants most.
    const best =
      lacking(drawn) === 0 ? drawn : [...open].sort((x, y) => lacking(x) - lacking(y) || wants(y) - wants(x))[0];
    left.forEach((wanted, label) => {
      wanted[best] -= counts[label];
    });
    for (const index of group.members) partOf[index] = best;
  }
  return partOf;
}

/** Whole numbers near count * share that sum to count (largest remainders). */
function share(count: number, shares: number[]): number[] {
  const out = shares.map((part) => Math.floor(count * part));
  const order = shares
    .map((part, i) => ({ i, rest: count * part - out[i] }))
    .sort((a, b) => b.rest - a.rest || a.i - b.i);
  const missing = count - out.reduce((sum, n) => sum + n, 0);
  for (let k = 0; k < missing; k++) out[order[k].i]++;
  return out;
}

/** The part that a number in [0, 1) falls into. */
function partAt(u: number, shares: number[]): number {
  if (u < shares[0]) return 0;
  return u < shares[0] + shares[1] || shares[2] === 0 ? (shares[1] > 0 ? 1 : 0) : 2;
}

function countLabels(battles: Battle[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { winner } of battles) counts[winner ?? 'none'] = (counts[winner ?? 'none'] ?? 0) + 1;
  return counts;
}

function mapParts<T>(parts: Record<SplitName, Battle[]>, value: (battles: Battle[]) => T): Record<SplitName, T> {
  return { train: value(parts.train), validation: value(parts.validation), test: value(parts.test) };
}

/** Near-duplicate prompts as pairs of battles, one battle for each distinct prompt, in a fixed order. */
function nearPairs(prompts: Prompt[]): [number, number][] {
  const first = new Map<string, number>();
  prompts.forEach(({ key }, index) => {
    if (!first.has(key)) first.set(key, index);
  });
  const indices = [...first].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([, index]) => index);
  return nearDuplicates(indices.map((index) => prompts[index].text)).map(({ a, b }) => [indices[a], indices[b]]);
}
