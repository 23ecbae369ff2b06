/** @file Figures with the intervals of a bootstrap by cluster. */

import { wilsonInterval } from '../metrics/significance.js';
import { ColumnMeans } from './column-means.js';
import { resample } from './draws.js';

/** A number with its 95 % interval. */
export interface Figure {
  /** null: undefined on this data (no examples, one class). */
  value: number | null;
  low: number | null;
  high: number | null;
  /** Number of examples. */
  n: number;
  /** Kind of interval: percentiles of the clustered bootstrap, or Wilson's on the number of clusters. */
  interval: 'bootstrap' | 'wilson' | null;
}

/** Fewest clusters for bootstrap percentiles. A share over fewer gets Wilson's interval. */
const FEW_CLUSTERS = 20;

/**
 * Examples by kind, and by cluster within a kind, which keeps reads of the draw counts close together. Drops examples
 * of kind -1.
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

/** Where each of `kinds` begins when sorted, and the end [kinds + 1]. Drops -1. */
function startsOf(kindOf: Int32Array, kinds: number): Int32Array {
  const starts = new Int32Array(kinds + 1);
  for (const kind of kindOf) if (kind >= 0) starts[kind + 1]++;
  for (let kind = 0; kind < kinds; kind++) starts[kind + 1] += starts[kind];
  return starts;
}

/** 2.5 and 97.5 percentiles (linear between samples) without NaN. Null when there are none. */
function percentileInterval(samples: ArrayLike<number>, confidence = 0.95): [number, number] | null {
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
 * A share with its interval. Over few clusters, or when the share is 0 or 1, bootstrap percentiles are too narrow. It
 * then uses Wilson's interval with the number of clusters as n.
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
