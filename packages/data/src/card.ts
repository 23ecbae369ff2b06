/** @file The data card of a prepared set: what went in, what was left out, what is in each part, and what packing keeps. */

import type { Battle } from './battle.js';
import type { CleanCount, CleanReport } from './clean.js';
import { type Counts, type DescribeOptions, type Description, describeBattles } from './describe.js';
import { type Histogram, histogram } from './histogram.js';
import { type Packed, type PackOptions, type Survival, survival } from './pack.js';
import type { RejectedRow } from './read.js';
import { type LeakReport, SPLIT_NAMES, type SplitName, type SplitOptions, type Splits } from './split.js';
import { capText } from './text.js';

/** A battle named in a card, with the start of its texts. */
export interface CardExample {
  id: string;
  row: number;
  prompt: string;
  responseA: string;
  responseB: string;
}

/** How many, and the first few of them. */
export interface CardCount {
  count: number;
  examples: CardExample[];
}

/** One part of a set. */
export interface SplitCard extends Description {
  /** What packing keeps of its texts. */
  survival: Survival;
  /** Tokens of the packed battles. */
  tokens: Histogram;
}

/** Content of card.json; plain JSON. */
export interface DataCard {
  format: 'arena-data-card-1';
  sources: string[];
  reading: {
    /** Records that are battles. */
    battles: number;
    /** Records that are none, by reason, with the first few places. */
    rejected: Counts;
    rejectedExamples: RejectedRow[];
  };
  cleaning: {
    kept: number;
    dropped: Record<string, CardCount>;
    changed: Record<string, CardCount>;
    /** Copies whose label disagrees with the earlier battle's. */
    conflictingLabels: number;
  };
  /** All battles that were kept. */
  all: Description;
  /** UTF-16 code units over all turns. */
  characters: { prompt: Histogram; responseA: Histogram; responseB: Histogram };
  groups: number;
  split: Required<SplitOptions>;
  leaks: LeakReport;
  splits: Record<SplitName, SplitCard>;
  packing: PackOptions;
  /** Share of the battles whose whole text is at most so many tokens, frame left aside. */
  fits: { tokens: number; share: number }[];
}

/** What a card is made from. */
export interface DataCardInput {
  sources: string[];
  /** Every battle that was read, before cleaning. */
  read: Battle[];
  /** Records that are no battles, by reason, and the first of them. */
  rejected: Record<string, number>;
  rejectedExamples: RejectedRow[];
  clean: CleanReport;
  splits: Splits;
  packed: Record<SplitName, Packed[]>;
  packing: PackOptions;
}

/** Code units shown of a text. */
const EXCERPT = 160;
const REJECTED_EXAMPLES = 10;
/** Budgets that people choose from. */
const BUDGETS = [256, 512, 1024, 1536, 1900, 2048, 3072, 4096, 8192];

/** Puts the card of a set together. */
export function dataCard(input: DataCardInput, options: DescribeOptions = {}): DataCard {
  const { sources, read, rejected, rejectedExamples, clean, splits, packed, packing } = input;
  const kept = SPLIT_NAMES.flatMap((name) => splits[name]);
  const all = SPLIT_NAMES.flatMap((name) => packed[name]);
  const byRow = new Map(read.map((battle) => [battle.row, battle]));
  const counts = (table: Record<string, CleanCount>) =>
    Object.fromEntries(Object.entries(table).map(([reason, count]) => [reason, withTexts(count, byRow)]));
  const characters = (pick: (battle: Battle) => string[]) =>
    histogram(kept.map((battle) => pick(battle).reduce((sum, turn) => sum + turn.length, 0)));
  const part = (name: SplitName): SplitCard => ({
    ...describeBattles(splits[name], options),
    survival: survival(packed[name]),
    tokens: histogram(packed[name].map(({ ids }) => ids.length)),
  });
  const whole = all.map(({ cut }) => cut.prompt.total + cut.responseA.total + cut.responseB.total);
  return {
    format: 'arena-data-card-1',
    sources,
    reading: {
      battles: read.length,
      rejected: Object.entries(rejected).map(([name, count]) => ({ name, count })),
      rejectedExamples: rejectedExamples.slice(0, REJECTED_EXAMPLES),
    },
    cleaning: {
      kept: clean.kept,
      dropped: counts(clean.dropped),
      changed: counts(clean.changed),
      conflictingLabels: clean.conflictingLabels,
    },
    all: describeBattles(kept, options),
    characters: {
      prompt: characters(({ prompt }) => prompt),
      responseA: characters(({ responseA }) => responseA),
      responseB: characters(({ responseB }) => responseB),
    },
    groups: splits.report.groups,
    split: splits.options,
    leaks: splits.report.leaks,
    splits: { train: part('train'), validation: part('validation'), test: part('test') },
    packing,
    fits: BUDGETS.map((tokens) => ({
      tokens,
      share: whole.filter((count) => count <= tokens).length / Math.max(1, whole.length),
    })),
  };
}

function withTexts({ count, examples }: CleanCount, byRow: Map<number, Battle>): CardCount {
  const excerpt = (turns: string[] | undefined) => capText((turns ?? []).join('\n'), EXCERPT);
  return {
    count,
    examples: examples.map(({ id, row }) => {
      const battle = byRow.get(row);
      const [prompt, responseA, responseB] = [battle?.prompt, battle?.responseA, battle?.responseB].map(excerpt);
      return { id, row, prompt, responseA, responseB };
    }),
  };
}
