/** @file Bootstrap of means over all examples, many columns at once. */
import type { Clustering, DrawCounts, Statistic } from './bootstrap.js';
import { GroupSums } from './group-sums.js';

/** Columns with at most this many different values (votes, picks, credits) are drawn by kind of cluster. */
const FEW_VALUES = 8;

export interface ColumnMeans {
  statistics: Statistic[];
  /** Bootstrap means of a column [rounds]; to be read after the last round. */
  column(k: number): Float64Array;
}

/** Means of `columns` [columns][n], for each round. */
export function columnMeans(columns: readonly ArrayLike<number>[], clustering: Clustering): ColumnMeans {
  const few = columns.map((column) => hasFewValues(column));
  const numberAmong = columns.map((_, k) => few.slice(0, k).filter((is) => is === few[k]).length);
  const discrete = columns.filter((_, k) => few[k]);
  const sums = new GroupSums(discrete, new Int32Array(clustering.clusterOf.length), 1, clustering);
  const rows = new RowMeans(
    columns.filter((_, k) => !few[k]),
    clustering,
  );
  return {
    statistics: [sums, rows],
    column: (k) => (few[k] ? sums.means(numberAmong[k], 0) : rows.column(numberAmong[k])),
  };
}

function hasFewValues(column: ArrayLike<number>): boolean {
  const seen = new Set<number>();
  for (let i = 0; i < column.length; i++) {
    if (seen.add(column[i]).size > FEW_VALUES) return false;
  }
  return true;
}

/** One row of sums a cluster, one pass over the rows a round. */
class RowMeans implements Statistic {
  /** [rounds, columns] */
  readonly #means: Float64Array;
  readonly #width: number;
  /** [clusters, columns + 1], the last the number of examples. Float32 halves the memory that a round reads. */
  readonly #sums: Float32Array;

  constructor(columns: readonly ArrayLike<number>[], { clusterOf, clusters, rounds }: Clustering) {
    const width = columns.length;
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
    if (width === 0) return;
    const stride = width + 1;
    const total = new Float64Array(stride);
    for (let cluster = 0, row = 0; cluster < counts.length; cluster++, row += stride) {
      const count = counts[cluster];
      if (count === 0) continue;
      for (let k = 0; k < stride; k++) total[k] += count * sums[row + k];
    }
    for (let k = 0; k < width; k++) this.#means[round * width + k] = total[k] / total[width];
  }

  column(k: number): Float64Array {
    const rounds = this.#means.length / this.#width;
    return Float64Array.from({ length: rounds }, (_, round) => this.#means[round * this.#width + k]);
  }
}
