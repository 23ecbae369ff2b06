/**
 * @file Bootstrap by cluster: whole prompts are drawn again, with all their battles, since votes on one prompt are not
 * independent. Each statistic keeps sums per cluster, so that a round costs one pass over them.
 */
import { ColumnMeans } from './column-means.js';
import { randomBelow, seededRandom } from './random.js';
import { wilsonInterval } from './significance.js';

/** A number with its 95 % interval. */
export interface Figure {
  /** null: undefined on this data (no examples, one class). */
  value: number | null;
  low: number | null;
  high: number | null;
  /** Examples behind it. */
  n: number;
  /** How the interval was made: percentiles of the clustered bootstrap, or Wilson's on the number of clusters. */
  interval: 'bootstrap' | 'wilson' | null;
}

/** Fewest clusters for which bootstrap percentiles are believed; a share over fewer gets Wilson's interval. */
const FEW_CLUSTERS = 20;

/** Below this many clusters a bootstrap says nothing, and none is made. */
const LEAST_CLUSTERS = 5;

/** Which cluster each example belongs to [n], how many there are, and the rounds to come. */
export interface Clustering {
  clusterOf: Int32Array;
  clusters: number;
  rounds: number;
}

/** Rounds that are drawn together: three counts of 10 bits share a word, so that one look-up serves three rounds. */
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
  /** So many words can be added before a count could run over into the next. */
  safe: number;
}

/** Something that takes part in each round of the bootstrap. */
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

/**
 * Examples by kind, and by cluster within a kind, which keeps reads of the draw counts close together.
 * Examples of kind -1 are left out.
 */
export function countingSort(kindOf: Int32Array, kinds: number, clusterOf: Int32Array) {
  const starts = startsOf(kindOf, kinds);
  const next = starts.slice();
  const order = new Int32Array(starts[kinds]);
  for (const i of orderBy(clusterOf)) if (kindOf[i] >= 0) order[next[kindOf[i]]++] = i;
  return { starts, order };
}

/** Indices that sort whole numbers of at least 0, equal ones in their order. */
function orderBy(numbers: Int32Array): Int32Array {
  const next = startsOf(
    numbers,
    numbers.reduce((most, number) => Math.max(most, number + 1), 0),
  );
  const order = new Int32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) order[next[numbers[i]]++] = i;
  return order;
}

/** Where each of `kinds` begins when sorted, and the end [kinds + 1]; -1 is left out. */
function startsOf(kindOf: Int32Array, kinds: number): Int32Array {
  const starts = new Int32Array(kinds + 1);
  for (const kind of kindOf) if (kind >= 0) starts[kind + 1]++;
  for (let kind = 0; kind < kinds; kind++) starts[kind + 1] += starts[kind];
  return starts;
}

/** 2.5 and 97.5 percentiles (linear between samples), NaN left out; null when none is left. */
export function percentileInterval(samples: ArrayLike<number>, confidence = 0.95): [number, number] | null {
  const sorted = Float64Array.from(samples)
    .filter((value) => Number.isFinite(value))
    .sort();
  if (sorted.length === 0) return null;
  const at = (share: number) => {
    const position = share * (sorted.length - 1);
    const below = Math.floor(position);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
  };
  return [at((1 - confidence) / 2), at((1 + confidence) / 2)];
}

/** A figure with percentiles of its bootstrap samples. */
export function bootstrapFigure(value: number | null, samples: ArrayLike<number>, n: number): Figure {
  const interval = value === null ? null : percentileInterval(samples);
  return { value, low: interval?.[0] ?? null, high: interval?.[1] ?? null, n, interval: interval ? 'bootstrap' : null };
}

/**
 * A share with its interval. Over few clusters, or when the share is 0 or 1, bootstrap percentiles are too narrow:
 * Wilson's interval with the number of clusters as n is given instead.
 */
export function shareFigure(value: number | null, samples: ArrayLike<number>, n: number, clusters: number): Figure {
  if (value === null) return { value, low: null, high: null, n, interval: null };
  if (clusters >= FEW_CLUSTERS && value > 0 && value < 1) {
    const figure = bootstrapFigure(value, samples, n);
    if (figure.interval) return figure;
  }
  const [low, high] = wilsonInterval(value * clusters, clusters)!;
  return { value, low, high, n, interval: 'wilson' };
}

/**
 * Mean of `values` [n] with the interval of a bootstrap over clusters.
 * @param clusterOf number of each value's cluster, from 0 [n].
 */
export function clusteredMean(
  values: ArrayLike<number>,
  clusterOf: ArrayLike<number>,
  { rounds = 2000, seed = 0 }: { rounds?: number; seed?: number } = {},
): Figure {
  const numbers = Int32Array.from(clusterOf);
  const clusters = numbers.reduce((most, number) => Math.max(most, number + 1), 0);
  const means = new ColumnMeans([values], { clusterOf: numbers, clusters, rounds });
  resample(clusters, rounds, seed, [means]);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return bootstrapFigure(values.length ? sum / values.length : null, means.column(0), values.length);
}
