/**
 * @file Bootstrap of one predictor's scores. Examples with the same label and nearly the same probability form one run.
 * A round only counts how often each run was drawn; every score follows from those counts.
 */
import { ascending, brierScores, logLosses } from '../metrics/binary.js';
import { binOf } from '../metrics/calibration.js';
import { logit } from '../special.js';
import { countingSort } from './bootstrap.js';
import { type Clustering, type Draws, type Statistic, sumCounts } from './draws.js';

/** Most distinct probabilities to keep apart. More are put into about this many groups. */
const SCORE_GROUPS = 1024;
/** Widest group in logits: its error is far below the spread of the log loss. */
const GROUP_WIDTH = 0.02;
/** Labels 0, 1/2 and 1. */
const LABELS = 3;

/** Accuracy, log loss, Brier score, ROC AUC and calibration error of each round [rounds], NaN where undefined. */
export class ScoreSums implements Statistic {
  readonly accuracy: Float64Array;
  readonly logLoss: Float64Array;
  readonly brier: Float64Array;
  readonly auc: Float64Array;
  readonly ece: Float64Array;
  /** Cluster of each example, run by run [n]. */
  private readonly cluster: Int32Array;
  /** First example of each run, and the end; run 3 g + 2 y holds the examples of group g with label y. */
  private readonly starts: Int32Array;
  /** Means of each run. */
  private readonly loss: Float64Array;
  private readonly square: Float64Array;
  private readonly probability: Float64Array;
  /** For each group: whether it predicts A, and its bin of the calibration error. */
  private readonly saysA: Uint8Array;
  private readonly bin: Int32Array;
  /** Draw counts of each run in the current rounds [3, runs]. */
  private readonly drawn: Float64Array;

  constructor(p: Float64Array, y: Float64Array, { clusterOf, rounds }: Clustering, bins: number) {
    const samples = () => new Float64Array(rounds).fill(Number.NaN);
    [this.accuracy, this.logLoss, this.brier, this.auc, this.ece] = [
      samples(),
      samples(),
      samples(),
      samples(),
      samples(),
    ];
    const { groupOf, first } = groupScores(p, bins);
    const runs = first.length * LABELS;
    const runOf = Int32Array.from(p, (_, i) => groupOf[i] * LABELS + 2 * y[i]);
    const { starts, order } = countingSort(runOf, runs, clusterOf);
    this.starts = starts;
    this.drawn = new Float64Array(3 * runs);
    this.cluster = order.map((i) => clusterOf[i]);
    const meanOf = (values: Float64Array) => {
      const sums = new Float64Array(runs);
      for (let i = 0; i < values.length; i++) sums[runOf[i]] += values[i];
      return sums.map((sum, run) => sum / Math.max(1, starts[run + 1] - starts[run]));
    };
    this.loss = meanOf(logLosses(p, y));
    this.square = meanOf(brierScores(p, y));
    this.probability = meanOf(p);
    this.saysA = Uint8Array.from(first, (i) => (p[i] >= 0.5 ? 1 : 0));
    this.bin = Int32Array.from(first, (i) => binOf(p[i], bins));
  }

  draw(draws: Draws): void {
    const runs = this.starts.length - 1;
    const sums = new Float64Array(3);
    for (let run = 0; run < runs; run++) {
      sumCounts(draws, this.cluster, this.starts[run], this.starts[run + 1], sums);
      for (let lane = 0; lane < draws.rounds; lane++) this.drawn[lane * runs + run] = sums[lane];
    }
    for (let lane = 0; lane < draws.rounds; lane++) {
      this.score(this.drawn.subarray(lane * runs, (lane + 1) * runs), draws.round + lane);
    }
  }

  /** All scores of one round from how often each run was drawn [runs]. */
  private score(drawn: Float64Array, round: number): void {
    let below = 0;
    let ones = 0;
    let area = 0;
    let right = 0;
    let loss = 0;
    let square = 0;
    let gap = 0;
    let gaps = 0;
    for (let group = 0; group < this.bin.length; group++) {
      if (group > 0 && this.bin[group] !== this.bin[group - 1]) {
        gaps += Math.abs(gap);
        gap = 0;
      }
      const run = group * LABELS;
      for (let label = 0; label < LABELS; label++) {
        const count = drawn[run + label];
        loss += count * this.loss[run + label];
        square += count * this.square[run + label];
        gap += count * (label / 2 - this.probability[run + label]);
      }
      const groupOnes = drawn[run + 2] + drawn[run + 1] / 2;
      const groupZeros = drawn[run] + drawn[run + 1] / 2;
      area += groupOnes * (below + groupZeros / 2);
      below += groupZeros;
      ones += groupOnes;
      right += this.saysA[group] ? groupOnes : groupZeros;
    }
    gaps += Math.abs(gap);
    const total = ones + below;
    this.accuracy[round] = right / total;
    this.logLoss[round] = loss / total;
    this.brier[round] = square / total;
    this.auc[round] = area / (ones * below);
    this.ece[round] = gaps / total;
  }
}

/**
 * Groups of neighbouring probabilities, in ascending order: equal ones stay together; groups cross neither a bin of the
 * calibration error nor one half.
 * @returns the group of each example [n] and one example of each group.
 */
function groupScores(p: Float64Array, bins: number): { groupOf: Int32Array; first: number[] } {
  const order = ascending(p);
  const groupOf = new Int32Array(p.length);
  const first: number[] = [];
  const limit = p.length / SCORE_GROUPS;
  let size = 0;
  for (let at = 0; at < order.length; at++) {
    const value = p[order[at]];
    const start = p[first[first.length - 1]];
    const isNew =
      at === 0 ||
      (value !== p[order[at - 1]] &&
        (size >= limit ||
          binOf(value, bins) !== binOf(start, bins) ||
          value >= 0.5 !== start >= 0.5 ||
          logit(value) - logit(start) > GROUP_WIDTH));
    if (isNew) {
      first.push(order[at]);
      size = 0;
    }
    size++;
    groupOf[order[at]] = first.length - 1;
  }
  return { groupOf, first };
}
