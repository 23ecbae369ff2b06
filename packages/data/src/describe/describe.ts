/** @file The numbers of a data card: what a set of battles contains. */

import type { Battle } from '../battle.js';
import { textKey } from '../hash.js';

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

/** Description of a set; plain JSON. */
export interface Description {
  battles: number;
  prompts: number;
  sessions: number;
  labels: Counts;
  /** As labelled. */
  languages: Counts;
  /** Languages of the prompts by `detectLanguage`; empty without it. */
  detectedLanguages: Counts;
  models: Counts;
  flags: Counts;
  duplicates: number;
  swappedDuplicates: number;
  turns: Quantiles;
  /** UTF-16 code units over all turns. */
  characters: { prompt: Quantiles; responseA: Quantiles; responseB: Quantiles };
  /**
   * Share of the decided battles that the longer answer won. Equal lengths count as A, as in a report. Null without
   * decided battles.
   */
  longerWins: number | null;
  /** Share of the decided battles that A won. Far from 0.5, the order of the answers carries information. */
  aWins: number | null;
}

/** How to describe. */
export interface DescribeOptions {
  /** Names the language or script of a text; `scriptOf` of @arena/eval is one such function. */
  detectLanguage?: (text: string) => string;
}

/** Describes a set of battles. */
export function describeBattles(battles: Iterable<Battle>, options: DescribeOptions = {}): Description {
  const { add, description } = describer(options);
  for (const battle of battles) add(battle);
  return description();
}

const TEXT_FIELDS = ['prompt', 'responseA', 'responseB'] as const;

/** Describes battles one at a time, without holding them all. */
export function describer({ detectLanguage }: DescribeOptions = {}): {
  add(battle: Battle): void;
  description(): Description;
  /** Code units of each battle so far, by field. */
  sizes: Record<(typeof TEXT_FIELDS)[number], number[]>;
} {
  const prompts = new Set<string>();
  const sessions = new Set<string>();
  const [labels, languages, detected, models, flags] = Array.from({ length: 5 }, () => new Map<string, number>());
  const turns: number[] = [];
  const sizes = { prompt: [] as number[], responseA: [] as number[], responseB: [] as number[] };
  let [duplicates, swapped, decided, longer, wonByA] = [0, 0, 0, 0, 0];

  function add(battle: Battle): void {
    const { winner, language, session, modelA, modelB } = battle;
    prompts.add(textKey(battle.prompt));
    if (session !== undefined) sessions.add(session);
    countName(labels, winner ?? 'none');
    countName(languages, language);
    if (detectLanguage) countName(detected, detectLanguage(battle.prompt.join('\n')));
    for (const name of [modelA, modelB]) countName(models, name);
    for (const name of battle.flags) countName(flags, name);
    if (battle.duplicateOf !== undefined) duplicates++;
    if (battle.swappedDuplicateOf !== undefined) swapped++;
    turns.push(battle.prompt.length);
    const [, a, b] = TEXT_FIELDS.map((field) => {
      const size = battle[field].reduce((sum, turn) => sum + turn.length, 0);
      sizes[field].push(size);
      return size;
    });
    if (winner !== 'a' && winner !== 'b') return;
    decided++;
    wonByA += Number(winner === 'a');
    longer += Number(a >= b === (winner === 'a'));
  }

  const description = (): Description => ({
    battles: turns.length,
    prompts: prompts.size,
    sessions: sessions.size,
    labels: sorted(labels),
    languages: sorted(languages),
    detectedLanguages: sorted(detected),
    models: sorted(models),
    flags: sorted(flags),
    duplicates,
    swappedDuplicates: swapped,
    turns: quantiles(turns),
    characters: {
      prompt: quantiles(sizes.prompt),
      responseA: quantiles(sizes.responseA),
      responseB: quantiles(sizes.responseB),
    },
    longerWins: decided === 0 ? null : longer / decided,
    aWins: decided === 0 ? null : wonByA / decided,
  });
  return { add, description, sizes };
}

/** Mean and quantiles (nearest rank) of some numbers; zeros when there are none. */
export function quantiles(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const at = (q: number) => (n === 0 ? 0 : sorted[Math.max(0, Math.ceil(q * n) - 1)]);
  const mean = n === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / n;
  return { mean, median: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function countName(counts: Map<string, number>, name: string | undefined): void {
  if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
}

function sorted(counts: Map<string, number>): Counts {
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
