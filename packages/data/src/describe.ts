/** @file The numbers of a data card: what a set of battles is made of, before anyone trains on it. */

import type { Battle } from './battle.js';
import { textKey } from './hash.js';

/** Quantiles of a count. */
export interface Quantiles {
  mean: number;
  median: number;
  p90: number;
  p99: number;
  max: number;
}

/** How often a name occurs, most frequent first. */
export type Counts = { name: string; count: number }[];

/** What a set is made of; plain JSON. */
export interface Description {
  battles: number;
  prompts: number;
  sessions: number;
  labels: Counts;
  /** As labelled. */
  languages: Counts;
  /** What `detectLanguage` says of the prompts; empty without it. */
  detectedLanguages: Counts;
  models: Counts;
  flags: Counts;
  duplicates: number;
  swappedDuplicates: number;
  turns: Quantiles;
  /** UTF-16 code units over all turns. */
  characters: { prompt: Quantiles; responseA: Quantiles; responseB: Quantiles };
  /** Share of the decided battles that the longer answer won; answers of equal length count half. Null without any. */
  longerWins: number | null;
  /** Share of the decided battles that A won: far from 0.5, the order of the answers tells something. */
  aWins: number | null;
}

/** How to describe. */
export interface DescribeOptions {
  /** Names the language or script of a text; `scriptOf` of @arena/eval is one such function. */
  detectLanguage?: (text: string) => string;
}

/** Describes a set of battles. */
export function describeBattles(battles: Battle[], { detectLanguage }: DescribeOptions = {}): Description {
  const size = (turns: string[]) => turns.reduce((sum, turn) => sum + turn.length, 0);
  const decided = battles.filter(({ winner }) => winner === 'a' || winner === 'b');
  const rate = (score: (battle: Battle) => number) =>
    decided.length === 0 ? null : decided.reduce((sum, battle) => sum + score(battle), 0) / decided.length;
  return {
    battles: battles.length,
    prompts: new Set(battles.map(({ prompt }) => textKey(prompt))).size,
    sessions: new Set(battles.flatMap(({ session }) => session ?? [])).size,
    labels: countNames(battles.map(({ winner }) => winner ?? 'none')),
    languages: countNames(battles.flatMap(({ language }) => language ?? [])),
    detectedLanguages: countNames(detectLanguage ? battles.map(({ prompt }) => detectLanguage(prompt.join('\n'))) : []),
    models: countNames(battles.flatMap(({ modelA, modelB }) => [modelA, modelB].filter((name) => name !== undefined))),
    flags: countNames(battles.flatMap(({ flags }) => flags)),
    duplicates: battles.filter(({ duplicateOf }) => duplicateOf !== undefined).length,
    swappedDuplicates: battles.filter(({ swappedDuplicateOf }) => swappedDuplicateOf !== undefined).length,
    turns: quantiles(battles.map(({ prompt }) => prompt.length)),
    characters: {
      prompt: quantiles(battles.map(({ prompt }) => size(prompt))),
      responseA: quantiles(battles.map(({ responseA }) => size(responseA))),
      responseB: quantiles(battles.map(({ responseB }) => size(responseB))),
    },
    longerWins: rate(({ responseA, responseB, winner }) => {
      const difference = size(responseA) - size(responseB);
      return difference === 0 ? 0.5 : Number(difference > 0 === (winner === 'a'));
    }),
    aWins: rate(({ winner }) => Number(winner === 'a')),
  };
}

/** Mean and quantiles (nearest rank) of some numbers; zeros when there are none. */
export function quantiles(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const at = (q: number) => (n === 0 ? 0 : sorted[Math.max(0, Math.ceil(q * n) - 1)]);
  const mean = n === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / n;
  return { mean, median: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function countNames(names: string[]): Counts {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
