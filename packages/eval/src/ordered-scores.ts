/** @file Bootstrap of what depends on the order of scores: ROC AUC, and the calibration error from the same pass. */
import { ascending } from './binary.js';
import type { Clustering, DrawCounts, Statistic } from './bootstrap.js';
import { binOf } from './calibration.js';
import { GroupSums } from './group-sums.js';

/** With at most this many different scores (baselines have one to three) groups of equal scores are drawn instead. */
const FEW_SCORES = 40;

export interface OrderedScores {
  statistic: Statistic;
  /** Bootstrap AUC and calibration error [rounds], NaN where undefined; to be read after the last round. */
  samples(): { auc: Float64Array; ece: Float64Array };
}

/** AUC and calibration error of probabilities `p` [n] against labels `y` [n]. */
export function orderedScores(
  p: ArrayLike<number>,
  y: ArrayLike<number>,
  clustering: Clustering,
  bins: number,
): OrderedScores {
  const scores = [...new Set(Array.from(p))].sort((a, b) => a - b);
  if (scores.length > FEW_SCORES) {
    const statistic = new SortedScores(p, y, clustering, bins);
    return { statistic, samples: () => ({ auc: statistic.auc, ece: statistic.ece }) };
  }
  const index = new Map(scores.map((score, group) => [score, group]));
  const groupOf = Int32Array.from(p, (value) => index.get(value)!);
  const statistic = new GroupSums([y], groupOf, scores.length, clustering);
  return { statistic, samples: () => samplesOfGroups(statistic, scores, bins) };
}

function samplesOfGroups({ rounds, groups, counts, sums }: GroupSums, scores: readonly number[], bins: number) {
  const auc = new Float64Array(rounds);
  const ece = new Float64Array(rounds);
  for (let round = 0; round < rounds; round++) {
    const gaps = new Float64Array(bins);
    let below = 0;
    let ones = 0;
    let area = 0;
    for (let group = 0; group < groups; group++) {
      const count = counts[round * groups + group];
      const groupOnes = sums[0][round * groups + group];
      area += groupOnes * (below + (count - groupOnes) / 2);
      below += count - groupOnes;
      ones += groupOnes;
      gaps[binOf(scores[group], bins)] += groupOnes - count * scores[group];
    }
    auc[round] = area / (ones * below);
    ece[round] = gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / (ones + below);
  }
  return { auc, ece };
}

/** Examples in the order of their scores, in runs that share a score. */
class SortedScores implements Statistic {
  readonly auc: Float64Array;
  readonly ece: Float64Array;
  readonly #cluster: Int32Array;
  readonly #label: Float32Array;
  /** Label less score. */
  readonly #error: Float32Array;
  /** 1 where a score ends: the next example has another. */
  readonly #ends: Uint8Array;
  /** First example of each bin, and the end. */
  readonly #bins: Int32Array;

  constructor(p: ArrayLike<number>, y: ArrayLike<number>, { clusterOf, rounds }: Clustering, bins: number) {
    const order = ascending(p);
    this.auc = new Float64Array(rounds).fill(Number.NaN);
    this.ece = new Float64Array(rounds).fill(Number.NaN);
    this.#cluster = Int32Array.from(order, (i) => clusterOf[i]);
    this.#label = Float32Array.from(order, (i) => y[i]);
    this.#error = Float32Array.from(order, (i) => y[i] - p[i]);
    this.#ends = Uint8Array.from(order, (i, at) => (p[i] === p[order[at + 1]] ? 0 : 1));
    const starts: number[] = [];
    for (let at = 0; at < order.length; at++) {
      if (at === 0 || binOf(p[order[at]], bins) !== binOf(p[order[at - 1]], bins)) starts.push(at);
    }
    this.#bins = Int32Array.from([...starts, order.length]);
  }

  draw(counts: DrawCounts, round: number): void {
    const cluster = this.#cluster;
    const label = this.#label;
    const error = this.#error;
    const ends = this.#ends;
    const bins = this.#bins;
    let below = 0;
    let ones = 0;
    let area = 0;
    let gaps = 0;
    let runOnes = 0;
    let runZeros = 0;
    for (let bin = 0; bin + 1 < bins.length; bin++) {
      const end = bins[bin + 1];
      let gap = 0;
      for (let i = bins[bin]; i < end; i++) {
        const count = counts[cluster[i]];
        const one = count * label[i];
        runOnes += one;
        runZeros += count - one;
        gap += count * error[i];
        if (ends[i] === 1) {
          area += runOnes * (below + runZeros / 2);
          below += runZeros;
          ones += runOnes;
          runOnes = 0;
          runZeros = 0;
        }
      }
      gaps += Math.abs(gap);
    }
    this.auc[round] = area / (ones * below);
    this.ece[round] = gaps / (ones + below);
  }
}
