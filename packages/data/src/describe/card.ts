/**
 * @file The data card of a prepared set: its sources, the dropped rows, the content of each part, and what packing
 * keeps.
 */

import type { Battle } from '../battle.js';
import type { CleanReport } from '../clean/clean.js';
import { type PackedEntry, type PackOptions, type Survival, survival } from '../pack/pack.js';
import type { RejectedRow } from '../read/read.js';
import { type LeakReport, SPLIT_NAMES, type SplitName, type SplitOptions, type Splits } from '../split/split.js';
import { type Counts, type DescribeOptions, type Description, describer } from './describe.js';
import { type Histogram, histogram } from './histogram.js';

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
    /** Rejected records by reason, with the first few places. */
    rejected: Counts;
    rejectedExamples: RejectedRow[];
  };
  cleaning: {
    kept: number;
    dropped: CleanReport['dropped'];
    changed: CleanReport['changed'];
    /** Copies with another label than the earlier battle. */
    conflictingLabels: number;
  };
  /** All kept battles. */
  all: Description;
  /** UTF-16 code units over all turns. */
  characters: { prompt: Histogram; responseA: Histogram; responseB: Histogram };
  groups: number;
  split: Required<SplitOptions>;
  leaks: LeakReport;
  splits: Record<SplitName, SplitCard>;
  packing: PackOptions;
  /** Share of the battles with at most this many tokens of text, without the frame. */
  fits: { tokens: number; share: number }[];
}

/** The input of a card, besides the battles. */
export interface DataCardInput {
  sources: string[];
  /** Rejected records by reason, and the first of them. */
  rejected: Record<string, number>;
  rejectedExamples: RejectedRow[];
  clean: CleanReport;
  splits: Pick<Splits, 'report' | 'options'>;
  packed: Record<SplitName, PackedEntry[]>;
  packing: PackOptions;
}

const REJECTED_EXAMPLES = 10;
/** Common token budgets. */
const BUDGETS = [256, 512, 1024, 1536, 1900, 2048, 3072, 4096, 8192];

/**
 * Opens the card of a set. Add every kept battle with its part, then finish. Memory holds no battles, and only the
 * token counts of packed ones.
 */
export function openDataCard(options: DescribeOptions = {}): {
  add(name: SplitName, battle: Battle): void;
  finish(input: DataCardInput): DataCard;
} {
  const whole = describer(options);
  const parts = { train: describer(options), validation: describer(options), test: describer(options) };

  function add(name: SplitName, battle: Battle): void {
    whole.add(battle);
    parts[name].add(battle);
  }

  function finish(input: DataCardInput): DataCard {
    const { sources, rejected, rejectedExamples, clean, splits, packed, packing } = input;
    const part = (name: SplitName): SplitCard => ({
      ...parts[name].description(),
      survival: survival(packed[name]),
      tokens: histogram(packed[name].map(({ ids }) => ids.length)),
    });
    const totals = SPLIT_NAMES.flatMap((name) =>
      packed[name].map(({ cut }) => cut.prompt.total + cut.responseA.total + cut.responseB.total),
    );
    return {
      format: 'arena-data-card-1',
      sources,
      reading: {
        battles: clean.read,
        rejected: Object.entries(rejected).map(([name, count]) => ({ name, count })),
        rejectedExamples: rejectedExamples.slice(0, REJECTED_EXAMPLES),
      },
      cleaning: {
        kept: clean.kept,
        dropped: clean.dropped,
        changed: clean.changed,
        conflictingLabels: clean.conflictingLabels,
      },
      all: whole.description(),
      characters: {
        prompt: histogram(whole.sizes.prompt),
        responseA: histogram(whole.sizes.responseA),
        responseB: histogram(whole.sizes.responseB),
      },
      groups: splits.report.groups,
      split: splits.options,
      leaks: splits.report.leaks,
      splits: { train: part('train'), validation: part('validation'), test: part('test') },
      packing,
      fits: BUDGETS.map((tokens) => ({
        tokens,
        share: totals.filter((count) => count <= tokens).length / Math.max(1, totals.length),
      })),
    };
  }
  return { add, finish };
}
