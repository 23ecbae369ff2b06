/** @file Accuracy by kind of battle, corrected for many comparisons. */

import type { Battle, PromptKey } from '../battle.js';
import type { Figure } from '../bootstrap/bootstrap.js';
import type { Clustering } from '../bootstrap/draws.js';
import { credits, accuracy as meanCredit } from '../metrics/binary.js';
import { wilsonInterval } from '../metrics/significance.js';
import { longerSide } from './baselines.js';
import { groupShares, longerPicks, plain } from './length.js';
import type { Section } from './report.js';
import { scriptOf } from './script.js';

/** The battles of one value, such as one language, with the model's accuracy beside that of the longer answer. */
export interface Slice {
  value: string;
  prompts: number;
  accuracy: Figure;
  alwaysLonger: Figure;
  /** Whether accuracy differs from the overall one at 5 % over all slices together (Bonferroni, Wilson). */
  differs: boolean;
}

/**
 * Slices by dimension, such as the language: at most 20 each, the most frequent first. `note` says how to read them.
 */
export interface SliceSection {
  dimensions: { name: string; slices: Slice[] }[];
  /** Slices shown. */
  count: number;
  note: string;
}

/** Slices shown of one dimension; the rest is one slice. */
const MOST_SLICES = 20;

/** A dimension: its name, and the slice of a battle (null where it has none). */
type Dimension = readonly [name: string, sliceOf: (battle: Battle) => string | null];

function dimensionsOf(promptKey: PromptKey, train: readonly Battle[] | undefined): Dimension[] {
  const list: Dimension[] = [
    ['language (labelled)', ({ language }) => language ?? null],
    ['script of the prompt', ({ prompt }) => scriptOf(prompt.join('\n'))],
    ['category', ({ category }) => category ?? null],
    ['turns', ({ prompt }) => (prompt.length >= 3 ? '3 or more' : String(prompt.length))],
    ['text shortened', ({ truncated }) => (truncated === undefined ? null : truncated ? 'yes' : 'no')],
    ['model pair', ({ modelA, modelB }) => (modelA && modelB ? [modelA, modelB].sort().join(' / ') : null)],
  ];
  if (train) {
    const prompts = new Set(train.map(promptKey));
    const models = new Set(train.flatMap(({ modelA, modelB }) => [modelA, modelB]));
    const seen = (name: string) => (models.has(name) ? 1 : 0);
    list.push(
      ['prompt in training split', (battle) => (prompts.has(promptKey(battle)) ? 'yes' : 'no')],
      [
        'models in training split',
        ({ modelA, modelB }) => (modelA && modelB ? ['neither', 'one', 'both'][seen(modelA) + seen(modelB)] : null),
      ],
    );
  }
  return list;
}

/** Slices of a model's probabilities `p` [n]; dimensions that no battle has, or with one slice only, are left out. */
export function sliceSection(
  battles: readonly Battle[],
  labels: Float64Array,
  p: Float64Array,
  clustering: Clustering,
  promptKey: PromptKey,
  train: readonly Battle[] | undefined,
): Section<SliceSection> {
  const credit = credits(p, labels);
  const longerCredit = credits(longerPicks(longerSide(battles)), labels);
  const parts = dimensionsOf(promptKey, train).flatMap(([name, sliceOf]) => {
    const { groupOf, values } = group(battles.map(sliceOf));
    if (values.length < 2) return [];
    return [{ name, values, shares: groupShares([credit, longerCredit], groupOf, values.length, clustering) }];
  });
  const count = parts.reduce((sum, { values }) => sum + values.length, 0);
  const overall = meanCredit(p, labels);
  return {
    statistics: parts.flatMap(({ shares }) => shares.statistics),
    finish: () => ({
      dimensions: parts.map(({ name, values, shares }) => ({
        name,
        slices: shares.finish().map(([accuracy, alwaysLonger], k) => {
          const { clusters } = accuracy;
          const strict = wilsonInterval((accuracy.value ?? 0) * clusters, clusters, 1 - 0.05 / count);
          const differs = strict !== null && overall !== null && (overall < strict[0] || overall > strict[1]);
          return {
            value: values[k],
            prompts: clusters,
            accuracy: plain(accuracy),
            alwaysLonger: plain(alwaysLonger),
            differs,
          };
        }),
      })),
      count,
      note:
        `${count} slices are shown: of that many 95 % intervals about ${Math.max(1, Math.round(count * 0.05))} miss by ` +
        'chance alone. A slice is marked only where it differs from the overall accuracy at 5 % over all slices ' +
        'together (Bonferroni). Slices of 20 prompts or fewer say little.',
    }),
  };
}

/** Group number of each value, the most frequent first; beyond {@link MOST_SLICES} they share a last group. */
function group(all: readonly (string | null)[]): { groupOf: Int32Array; values: string[] } {
  const counts = new Map<string, number>();
  for (const value of all) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sorted = [...counts].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  const shown = sorted.slice(0, sorted.length > MOST_SLICES ? MOST_SLICES - 1 : MOST_SLICES).map(([value]) => value);
  const index = new Map(shown.map((value, i) => [value, i]));
  const others = sorted.length - shown.length;
  const values = others ? [...shown, `${others} others`] : shown;
  return {
    groupOf: Int32Array.from(all, (value) => (value === null ? -1 : (index.get(value) ?? shown.length))),
    values,
  };
}
