/**
 * @file Bootstrap of means within groups. Examples of one group with the same values are of one kind, so that a round
 * only counts how often each kind was drawn; votes of 0 and 1 give few kinds.
 */
import { countingSort } from './bootstrap.js';
import { type Clustering, type Draws, type Statistic, sumCounts } from './draws.js';

/** Means of several values in each group; ignores examples of group -1. */
export class GroupSums implements Statistic {
  private readonly rounds: number;
  private readonly groups: number;
  /** Examples [rounds, groups], and sums [values][rounds, groups]. */
  private readonly counts: Float64Array;
  private readonly sums: Float64Array[];
  private readonly kinds: { group: number; values: number[] }[] = [];
  /** Cluster of each example, kind by kind, and the first example of each kind. */
  private readonly cluster: Int32Array;
  private readonly starts: Int32Array;

  constructor(
    values: readonly ArrayLike<number>[],
    groupOf: ArrayLike<number>,
    groups: number,
    { clusterOf, rounds }: Clustering,
  ) {
    this.rounds = rounds;
    this.groups = groups;
    this.counts = new Float64Array(rounds * groups);
    this.sums = values.map(() => new Float64Array(rounds * groups));
    const numbers = new Map<string, number>();
    const kindOf = Int32Array.from(groupOf, (group, i) => {
      if (group < 0) return -1;
      const own = values.map((column) => column[i]);
      const key = `${group},${own.join()}`;
      let kind = numbers.get(key);
      if (kind === undefined) {
        kind = this.kinds.push({ group, values: own }) - 1;
        numbers.set(key, kind);
      }
      return kind;
    });
    const { starts, order } = countingSort(kindOf, this.kinds.length, clusterOf);
    this.starts = starts;
    this.cluster = order.map((i) => clusterOf[i]);
  }

  draw(draws: Draws): void {
    const drawn = new Float64Array(3);
    for (let kind = 0; kind < this.kinds.length; kind++) {
      sumCounts(draws, this.cluster, this.starts[kind], this.starts[kind + 1], drawn);
      const { group, values } = this.kinds[kind];
      for (let lane = 0; lane < draws.rounds; lane++) {
        const at = (draws.round + lane) * this.groups + group;
        this.counts[at] += drawn[lane];
        for (let k = 0; k < values.length; k++) this.sums[k][at] += drawn[lane] * values[k];
      }
    }
  }

  /** Bootstrap means of value `k` in one group [rounds]; NaN in rounds without the group. */
  means(k: number, group: number): Float64Array {
    return Float64Array.from({ length: this.rounds }, (_, round) => {
      const at = round * this.groups + group;
      return this.sums[k][at] / this.counts[at];
    });
  }
}
