/** @file Folds that keep the battles of a prompt together, and the choice of a ridge's strength by them. */
import { type RandomBits, randomBelow } from '../bootstrap/random.js';
import { softplus } from '../special.js';

/** Rows by group: the battles of one prompt share a number. */
export interface Grouping {
  /** Group of each row, from 0 [rows]. */
  clusterOf: Int32Array;
  clusters: number;
}

/** Folds of a cross-validation, where there are as many groups. */
const FOLDS = 5;

/** Number of folds for so many groups. Below 2 there is no cross-validation. */
export function foldCount({ clusters }: Grouping): number {
  return Math.min(FOLDS, clusters);
}

/** Fold of each row [rows], from 0: groups in random order, each to the fold with the fewest rows so far. */
export function groupedFolds({ clusterOf, clusters }: Grouping, random: RandomBits): Int32Array {
  const sizes = new Int32Array(clusters);
  for (const cluster of clusterOf) sizes[cluster]++;
  const order = Array.from(sizes.keys());
  for (let i = order.length - 1; i > 0; i--) {
    const j = randomBelow(random, i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const counts = new Array<number>(foldCount({ clusterOf, clusters })).fill(0);
  const foldOfCluster = new Int32Array(clusters);
  for (const cluster of order) {
    const fold = counts.indexOf(Math.min(...counts));
    foldOfCluster[cluster] = fold;
    counts[fold] += sizes[cluster];
  }
  return clusterOf.map((cluster) => foldOfCluster[cluster]);
}

/** Log loss of log odds `z` against a label or rate `y`. */
export function logLossOf(z: number, y: number): number {
  return y * softplus(-z) + (1 - y) * softplus(z);
}

/** Log odds of all rows [rows] by a fit, with strength C, on the rows that `fitted` chooses. */
export type FitAndScore = (fitted: (row: number) => boolean, C: number) => Float64Array;

/**
 * The strength of `strengths` (ascending values of C) with the least cross-validated log loss; of equal ones the first,
 * which shrinks most.
 * @param splits Folds of several partitions, each with the fold of every row [splits][rows].
 * @param takesPart Chooses the rows that the strength may be chosen by. Default: all.
 */
export function bestStrength(
  score: FitAndScore,
  y: Float64Array,
  strengths: readonly number[],
  splits: readonly Int32Array[],
  takesPart: (row: number) => boolean = () => true,
): number {
  let best = strengths[0];
  let least = Number.POSITIVE_INFINITY;
  for (const C of strengths) {
    let sum = 0;
    for (const foldOf of splits) {
      for (const fold of new Set(foldOf.filter((_, row) => takesPart(row)))) {
        const z = score((row) => takesPart(row) && foldOf[row] !== fold, C);
        for (let row = 0; row < y.length; row++) {
          if (takesPart(row) && foldOf[row] === fold) sum += logLossOf(z[row], y[row]);
        }
      }
    }
    if (sum < least) [best, least] = [C, sum];
  }
  return best;
}
