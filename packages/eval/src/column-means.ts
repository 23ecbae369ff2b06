/** @file Bootstrap of means over all examples, many columns at once. */
import type { Clustering, DrawCounts, Statistic } from './bootstrap.js';

/** Means of columns of any values: one row of sums a cluster, one pass over the rows a round. */
export class ColumnMeans implements Statistic {
  readonly #rounds: number;
  readonly #width: number;
  /** [rounds, columns] */
  readonly #means: Float64Array;
  /** [clusters, columns + 1], the last the number of examples. Float32 halves the memory that a round reads. */
  readonly #sums: Float32Array;

  constructor(columns: readonly ArrayLike<number>[], { clusterOf, clusters, rounds }: Clustering) {
    const width = columns.length;
    this.#rounds = rounds;
    this.#width = width;
    this.#means = new Float64Array(rounds * width).fill(Number.NaN);
    this.#sums = new Float32Array(clusters * (width + 1));
    for (let i = 0; i < clusterOf.length; i++) {
      const row = clusterOf[i] * (width + 1);
      for (let k = 0; k < width; k++) this.#sums[row + k] += columns[k][i];
      this.#sums[row + width]++;
    }
  }

  draw(counts: DrawCounts, round: number): void {
    const sums = this.#sums;
    const width = this.#width;
    const stride = width + 1;
    const total = new Float64Array(stride);
    for (let cluster = 0, row = 0; cluster < counts.length; cluster++, row += stride) {
      const count = counts[cluster];
      if (count === 0) continue;
      for (let k = 0; k < stride; k++) total[k] += count * sums[row + k];
    }
    for (let k = 0; k < width; k++) this.#means[round * width + k] = total[k] / total[width];
  }

  /** Bootstrap means of one column [rounds]. */
  column(k: number): Float64Array {
    return Float64Array.from({ length: this.#rounds }, (_, round) => this.#means[round * this.#width + k]);
  }
}
