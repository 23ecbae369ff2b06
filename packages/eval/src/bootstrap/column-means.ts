/** @file Bootstrap of means over all examples, many columns at once. */
import { type Clustering, countOf, type Draws, type Statistic } from './draws.js';

/** Means of columns of any values: one row of sums a cluster, one pass over the rows a round. */
export class ColumnMeans implements Statistic {
  private readonly rounds: number;
  private readonly width: number;
  /** [rounds, columns] */
  private readonly means: Float64Array;
  /** [clusters, columns + 1], the last the number of examples. Float32 halves the memory that a round reads. */
  private readonly sums: Float32Array;

  constructor(columns: readonly ArrayLike<number>[], { clusterOf, clusters, rounds }: Clustering) {
    const width = columns.length;
    this.rounds = rounds;
    this.width = width;
    this.means = new Float64Array(rounds * width).fill(Number.NaN);
    this.sums = new Float32Array(clusters * (width + 1));
    for (let i = 0; i < clusterOf.length; i++) {
      const row = clusterOf[i] * (width + 1);
      for (let k = 0; k < width; k++) this.sums[row + k] += columns[k][i];
      this.sums[row + width]++;
    }
  }

  draw(draws: Draws): void {
    const sums = this.sums;
    const width = this.width;
    const stride = width + 1;
    const total = new Float64Array(3 * stride); // [columns + 1, lanes]
    for (let cluster = 0, row = 0; cluster < draws.words.length; cluster++, row += stride) {
      if (draws.words[cluster] === 0) continue;
      const first = countOf(draws, cluster, 0);
      const second = countOf(draws, cluster, 1);
      const third = countOf(draws, cluster, 2);
      for (let k = 0; k < stride; k++) {
        const sum = sums[row + k];
        total[3 * k] += first * sum;
        total[3 * k + 1] += second * sum;
        total[3 * k + 2] += third * sum;
      }
    }
    for (let lane = 0; lane < draws.rounds; lane++) {
      const base = (draws.round + lane) * width;
      for (let k = 0; k < width; k++) this.means[base + k] = total[3 * k + lane] / total[3 * width + lane];
    }
  }

  /** Bootstrap means of one column [rounds]. */
  column(k: number): Float64Array {
    return Float64Array.from({ length: this.rounds }, (_, round) => this.means[round * this.width + k]);
  }
}
