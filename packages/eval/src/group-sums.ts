/**
 * @file Bootstrap of sums within groups. Clusters that add the same amounts to the same groups are exchangeable, so a
 * round only counts how often each kind of cluster was drawn; with votes of 0 and 1 there are few kinds.
 */
import type { Clustering, DrawCounts, Statistic } from './bootstrap.js';

/** What one kind of cluster adds to one group. */
interface Cell {
  group: number;
  count: number;
  sums: number[];
}

/** Numbers of examples and sums of several values in each group; examples of group -1 take no part. */
export class GroupSums implements Statistic {
  readonly rounds: number;
  readonly groups: number;
  /** Examples [rounds, groups]. */
  readonly counts: Float64Array;
  /** [values][rounds, groups] */
  readonly sums: Float64Array[];
  readonly #kinds: readonly Cell[][];
  /** Clusters by kind: those of kind k stand from `starts[k]` to `starts[k + 1]`. */
  readonly #clusters: Int32Array;
  readonly #starts: Int32Array;

  constructor(
    values: readonly ArrayLike<number>[],
    groupOf: ArrayLike<number>,
    groups: number,
    { clusters, order, starts, rounds }: Clustering,
  ) {
    this.rounds = rounds;
    this.groups = groups;
    this.counts = new Float64Array(rounds * groups);
    this.sums = values.map(() => new Float64Array(rounds * groups));
    const kinds = new Map<string, { cells: Cell[]; clusters: number[] }>();
    for (let cluster = 0; cluster < clusters; cluster++) {
      const cells = cellsOf(order.subarray(starts[cluster], starts[cluster + 1]), values, groupOf);
      const key = cells.map(({ group, count, sums }) => `${group},${count},${sums.join()}`).join(';');
      const kind = kinds.get(key);
      if (kind) kind.clusters.push(cluster);
      else if (cells.length) kinds.set(key, { cells, clusters: [cluster] });
    }
    const list = [...kinds.values()];
    this.#kinds = list.map(({ cells }) => cells);
    this.#clusters = Int32Array.from(list.flatMap((kind) => kind.clusters));
    this.#starts = new Int32Array(list.length + 1);
    for (const [k, kind] of list.entries()) this.#starts[k + 1] = this.#starts[k] + kind.clusters.length;
  }

  draw(counts: DrawCounts, round: number): void {
    const clusters = this.#clusters;
    const base = round * this.groups;
    for (let kind = 0; kind < this.#kinds.length; kind++) {
      const end = this.#starts[kind + 1];
      let drawn = 0;
      for (let i = this.#starts[kind]; i < end; i++) drawn += counts[clusters[i]];
      if (drawn === 0) continue;
      for (const { group, count, sums } of this.#kinds[kind]) {
        this.counts[base + group] += drawn * count;
        for (let k = 0; k < sums.length; k++) this.sums[k][base + group] += drawn * sums[k];
      }
    }
  }

  /** Bootstrap means of value `k` in one group [rounds]; NaN in rounds that did not draw the group. */
  means(k: number, group: number): Float64Array {
    return Float64Array.from({ length: this.rounds }, (_, round) => {
      const at = round * this.groups + group;
      return this.sums[k][at] / this.counts[at];
    });
  }
}

function cellsOf(members: Int32Array, values: readonly ArrayLike<number>[], groupOf: ArrayLike<number>): Cell[] {
  const cells: Cell[] = [];
  for (const i of members) {
    const group = groupOf[i];
    if (group < 0) continue;
    let cell = cells.find((other) => other.group === group);
    if (!cell) cells.push((cell = { group, count: 0, sums: values.map(() => 0) }));
    cell.count++;
    for (let k = 0; k < values.length; k++) cell.sums[k] += values[k][i];
  }
  return cells.sort((a, b) => a.group - b.group);
}
