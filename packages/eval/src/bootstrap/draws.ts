/**
 * @file The draws of a bootstrap by cluster: it draws whole prompts with all their battles, since votes on one prompt
 * are not independent. Each statistic keeps sums per cluster, so that a round costs one pass over them.
 */
import { randomBelow, seededRandom } from './random.js';

/** Fewest clusters for a bootstrap. */
const LEAST_CLUSTERS = 5;

/** Cluster of each example [n], number of clusters, and number of rounds. */
export interface Clustering {
  clusterOf: Int32Array;
  clusters: number;
  rounds: number;
}

/** Rounds drawn together: three counts of 10 bits share a word, so one look-up serves three rounds. */
const LANES = 3;
const LANE_BITS = 10;
const LANE_MASK = (1 << LANE_BITS) - 1;

/** How often each cluster was drawn in up to three rounds. */
export interface Draws {
  /** Number of the first round, and how many rounds. */
  round: number;
  rounds: number;
  /** Counts of the rounds, the first in the lowest bits [clusters]. */
  words: Uint32Array;
  /** Number of words to add before a count could overflow into the next. */
  safe: number;
}

/** A statistic that sees each round of the bootstrap. */
export interface Statistic {
  draw(draws: Draws): void;
}

/** How often one cluster was drawn in round `draws.round + lane`. */
export function countOf({ words }: Draws, cluster: number, lane: number): number {
  return (words[cluster] >>> (lane * LANE_BITS)) & LANE_MASK;
}

/** Adds up how often the clusters `cluster[from..to)` were drawn, into `sums`: one a round [3]. */
export function sumCounts(
  { words, safe }: Draws,
  cluster: Int32Array,
  from: number,
  to: number,
  sums: Float64Array,
): void {
  let first = 0;
  let second = 0;
  let third = 0;
  for (let at = from; at < to; ) {
    const end = Math.min(to, at + safe);
    let packed = 0;
    for (; at < end; at++) packed += words[cluster[at]];
    first += packed & LANE_MASK;
    second += (packed >>> LANE_BITS) & LANE_MASK;
    third += packed >>> (2 * LANE_BITS);
  }
  sums[0] = first;
  sums[1] = second;
  sums[2] = third;
}

/** Draws `clusters` clusters with replacement, `rounds` times. */
export function resample(clusters: number, rounds: number, seed: number, statistics: readonly Statistic[]): void {
  if (clusters < LEAST_CLUSTERS) return;
  const random = seededRandom(seed);
  const words = new Uint32Array(clusters);
  for (let round = 0; round < rounds; round += LANES) {
    words.fill(0);
    const lanes = Math.min(LANES, rounds - round);
    for (let lane = 0; lane < lanes; lane++) {
      const one = 1 << (lane * LANE_BITS);
      for (let i = 0; i < clusters; i++) words[randomBelow(random, clusters)] += one;
    }
    let most = 1;
    for (let i = 0; i < clusters; i++) {
      const word = words[i];
      most = Math.max(most, word & LANE_MASK, (word >>> LANE_BITS) & LANE_MASK, word >>> (2 * LANE_BITS));
    }
    const draws = { round, rounds: lanes, words, safe: Math.floor(LANE_MASK / most) };
    for (const statistic of statistics) statistic.draw(draws);
  }
}
