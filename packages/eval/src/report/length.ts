/** @file How much verdicts follow length: the first bias that a preference model learns. */

import { type Battle, lengthOf } from '../battle.js';
import { type Figure, shareFigure } from '../bootstrap/bootstrap.js';
import type { Clustering } from '../bootstrap/draws.js';
import { GroupSums } from '../bootstrap/group-sums.js';
import { credits } from '../metrics/binary.js';
import { longerSide } from './baselines.js';
import type { Section } from './report.js';

/** Shares from 0 to 1, over battles by the lengths of their answers in characters. */
export interface LengthSection {
  /** Share of battles with different lengths where people, and the model, prefer the longer answer. */
  peoplePickLonger: Figure;
  modelPicksLonger: Figure;
  /** The model's accuracy where people preferred the shorter, and the longer. */
  accuracyWhereShorterWon: Figure;
  accuracyWhereLongerWon: Figure;
  gaps: LengthGap[];
}

/** Battles grouped by how much shorter the shorter answer is. */
export interface LengthGap {
  /** Gap in [from, to): 1 - shorter / longer, in characters. */
  from: number;
  to: number;
  accuracy: Figure;
  alwaysLonger: Figure;
  peoplePickLonger: Figure;
}

const EDGES = [0, 0.1, 0.25, 0.5, 0.75, 1];

/** A share within a group, and its number of distinct prompts. */
export type GroupShare = Figure & { clusters: number };

/**
 * Shares of several values [values][n] within groups, with intervals once the bootstrap has run.
 * @returns [groups][values]
 */
export function groupShares(
  values: readonly ArrayLike<number>[],
  groupOf: ArrayLike<number>,
  groups: number,
  clustering: Clustering,
): Section<GroupShare[][]> {
  const statistic = new GroupSums(values, groupOf, groups, clustering);
  const totals = Array.from({ length: groups }, () => ({
    n: 0,
    sums: values.map(() => 0),
    prompts: new Set<number>(),
  }));
  for (let i = 0; i < groupOf.length; i++) {
    if (groupOf[i] < 0) continue;
    const total = totals[groupOf[i]];
    total.n++;
    total.prompts.add(clustering.clusterOf[i]);
    for (let k = 0; k < values.length; k++) total.sums[k] += values[k][i];
  }
  return {
    statistics: [statistic],
    finish: () =>
      totals.map(({ n, sums, prompts }, group) =>
        sums.map((sum, k) => ({
          ...shareFigure(n ? sum / n : null, statistic.means(k, group), n, prompts.size),
          clusters: prompts.size,
        })),
      ),
  };
}

/** Length figures of a model's probabilities `p` [n]. */
export function lengthSection(
  battles: readonly Battle[],
  labels: Float64Array,
  p: Float64Array,
  clustering: Clustering,
): Section<LengthSection> {
  const side = longerSide(battles);
  const differs = Int32Array.from(side, (s) => (s === 0 ? -1 : 0));
  const peopleLonger = longerShares(side, labels);
  const modelLonger = Float64Array.from(side, (s, i) => (s > 0 === p[i] >= 0.5 ? 1 : 0));
  const credit = credits(p, labels);
  const won = wonByLonger(side, labels);
  const gapOf = Int32Array.from(battles, ({ responseA, responseB }) => {
    const a = lengthOf(responseA);
    const b = lengthOf(responseB);
    const gap = a === b ? 0 : 1 - Math.min(a, b) / Math.max(a, b);
    return Math.min(EDGES.filter((edge) => edge <= gap).length, EDGES.length - 1) - 1;
  });
  const longerCredit = credits(longerPicks(side), labels);
  const withGap = gapOf.map((gap, i) => (side[i] === 0 ? -1 : gap));
  const rates = groupShares([peopleLonger, modelLonger], differs, 1, clustering);
  const byWinner = groupShares([credit], won, 2, clustering);
  const byGap = groupShares([credit, longerCredit], gapOf, EDGES.length - 1, clustering);
  const peopleByGap = groupShares([peopleLonger], withGap, EDGES.length - 1, clustering);
  return {
    statistics: [rates, byWinner, byGap, peopleByGap].flatMap(({ statistics }) => statistics),
    finish() {
      const [people, model] = rates.finish()[0].map(plain);
      const [[shorterWon], [longerWon]] = byWinner.finish();
      const peopleRates = peopleByGap.finish();
      return {
        peoplePickLonger: people,
        modelPicksLonger: model,
        accuracyWhereShorterWon: plain(shorterWon),
        accuracyWhereLongerWon: plain(longerWon),
        gaps: byGap.finish().map(([accuracy, alwaysLonger], k) => ({
          from: EDGES[k],
          to: EDGES[k + 1],
          accuracy: plain(accuracy),
          alwaysLonger: plain(alwaysLonger),
          peoplePickLonger: plain(peopleRates[k][0]),
        })),
      };
    },
  };
}

/** Share of the win that goes to the longer answer, one half where neither is longer [n]. */
function longerShares(side: Int8Array, labels: Float64Array): Float64Array {
  return Float64Array.from(side, (s, i) => (s > 0 ? labels[i] : s < 0 ? 1 - labels[i] : 0.5));
}

/** 0 where the shorter answer won, 1 where the longer did, -1 for ties and equal lengths [n]. */
export function wonByLonger(side: Int8Array, labels: Float64Array): Int32Array {
  return Int32Array.from(longerShares(side, labels), (share, i) => (side[i] === 0 || share === 0.5 ? -1 : share));
}

/** Probabilities that only name the longer answer [n]. */
export function longerPicks(side: Int8Array): Float64Array {
  return Float64Array.from(side, (s) => 0.5 + s / 4);
}

/** A figure without its added fields. */
export function plain({ value, low, high, n, interval }: Figure): Figure {
  return { value, low, high, n, interval };
}
