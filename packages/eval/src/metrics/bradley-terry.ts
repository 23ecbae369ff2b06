/** @file Bradley-Terry ratings: P(a beats b) = sigmoid(strength a - strength b), a tie is half a win each way. */

import { EvaluationInputError } from '../error.js';
import { softplus } from '../special.js';
import { fitLogistic, sparseRows } from './logistic.js';

/** `[model a, model b, who won]`; a number from 0 to 1 instead of the winner is a's share of the win. */
export type Vote = readonly [a: string, b: string, winner: 'a' | 'b' | 'tie' | number];

/** Fitted ratings, in the order of `models`. `logLikelihood` is natural, summed over the votes, without the ridge. */
export interface BradleyTerry {
  models: string[];
  /** Log strengths, mean 0 in each group [models]. */
  coefficients: number[];
  /** 1000 + 400 / ln 10 * coefficient: 400 points are odds of ten to one [models]. */
  ratings: number[];
  logLikelihood: number;
  /**
   * Number of each model's group, from 0 in the order of `models` [models]. Votes link the models of a group; nothing
   * says how the models of two groups compare.
   */
  groups: number[];
  /**
   * Whether the votes leave a model's rating open: it never lost to, or never beat, the models of its group that did
   * both among themselves [models].
   */
  open: boolean[];
  /** Whether the votes alone fix every gap: one group, each part of it has lost to and beaten the rest. */
  finite: boolean;
}

/** Which models to rate, and how strongly to shrink ratings together. */
export interface BradleyTerryOptions {
  /** Models in the order wanted (default: sorted names of the votes). */
  models?: readonly string[];
  /** Inverse strength of the ridge |t|^2 / (2 C); Infinity (default) for none. */
  C?: number;
}

/** Wins between two models, summed over votes; `a` and `b` are numbers of models, a < b. */
export interface Pair {
  a: number;
  b: number;
  n: number;
  winsA: number;
}

/**
 * Fits ratings. Without a ridge and with `finite` false some gaps would be infinite; they are then as large as the
 * search reached.
 * @throws EvaluationInputError for a vote of a model with itself or of one that is not in `models`.
 */
export function bradleyTerry(votes: readonly Vote[], options: BradleyTerryOptions = {}): BradleyTerry {
  const { C = Number.POSITIVE_INFINITY } = options;
  const models = [...(options.models ?? modelsOf(votes))];
  const pairs = gatherVotes(votes, models).pairs;
  const { groups, open } = linksOf(pairs, models.length);
  const coefficients = fitPairs(pairs, groups, C);
  return {
    models,
    coefficients,
    ratings: coefficients.map(ratingOf),
    logLikelihood: pairs.reduce((sum, { a, b, n, winsA }) => {
      const z = coefficients[a] - coefficients[b];
      return sum - winsA * softplus(-z) - (n - winsA) * softplus(z);
    }, 0),
    groups,
    open,
    finite: groups.every((group) => group === 0) && open.every((one) => !one || models.length === 1),
  };
}

/** Names in votes, sorted. */
export function modelsOf(votes: readonly Vote[]): string[] {
  return [...new Set([...votes.map(([a]) => a), ...votes.map(([, b]) => b)])].sort();
}

/** Rating of a log strength. */
export function ratingOf(coefficient: number): number {
  return 1000 + (400 / Math.LN10) * coefficient;
}

/** Log strengths, mean 0 in each group [models], from summed wins; pairs without votes do not count. */
export function fitPairs(pairs: readonly Pair[], groups: readonly number[], C: number): number[] {
  const played = pairs.filter(({ n }) => n > 0);
  const rows = sparseRows(
    played.map(({ a, b }) => [
      [a, 1],
      [b, -1],
    ]),
    groups.length,
  );
  const shares = played.map(({ n, winsA }) => winsA / n);
  const weights = played.map(({ n }) => n);
  const { coefficients } = fitLogistic(rows, shares, { C, intercept: false, weights, tolerance: 1e-11 });
  return centred(coefficients, groups);
}

/** Values less the mean of their group. */
export function centred(values: ArrayLike<number>, groups: readonly number[]): number[] {
  const sums: number[] = [];
  const counts: number[] = [];
  for (const [i, group] of groups.entries()) {
    sums[group] = (sums[group] ?? 0) + values[i];
    counts[group] = (counts[group] ?? 0) + 1;
  }
  return groups.map((group, i) => values[i] - sums[group] / counts[group]);
}

/** Wins by pair of models, and the pair and its first model's share of each vote [votes]. */
export function gatherVotes(votes: readonly Vote[], models: readonly string[]) {
  const index = new Map(models.map((model, i) => [model, i]));
  const numbers = new Map<number, number>();
  const pairs: Pair[] = [];
  const pairOf = new Int32Array(votes.length);
  const shareOf = new Float64Array(votes.length);
  for (const [i, [nameA, nameB, winner]] of votes.entries()) {
    const a = index.get(nameA);
    const b = index.get(nameB);
    if (a === undefined || b === undefined || a === b) {
      throw new EvaluationInputError(
        'argument',
        `vote ${i + 1} is between ${JSON.stringify(nameA)} and ${JSON.stringify(nameB)}`,
      );
    }
    const share = winner === 'a' ? 1 : winner === 'b' ? 0 : winner === 'tie' ? 0.5 : winner;
    const key = Math.min(a, b) * models.length + Math.max(a, b);
    let number = numbers.get(key);
    if (number === undefined) {
      number = pairs.push({ a: Math.min(a, b), b: Math.max(a, b), n: 0, winsA: 0 }) - 1;
      numbers.set(key, number);
    }
    pairOf[i] = number;
    shareOf[i] = a < b ? share : 1 - share;
    pairs[number].n++;
    pairs[number].winsA += shareOf[i];
  }
  return { pairs, pairOf, shareOf };
}

/** The groups that votes link, and the models that Ford's condition leaves open in theirs. */
export function linksOf(pairs: readonly Pair[], models: number): { groups: number[]; open: boolean[] } {
  const beaten: number[][] = Array.from({ length: models }, () => []);
  const lostTo: number[][] = Array.from({ length: models }, () => []);
  for (const { a, b, n, winsA } of pairs) {
    if (winsA > 0) {
      beaten[a].push(b);
      lostTo[b].push(a);
    }
    if (winsA < n) {
      beaten[b].push(a);
      lostTo[a].push(b);
    }
  }
  const both = beaten.map((list, i) => [...list, ...lostTo[i]]);
  const groups: number[] = Array(models).fill(-1);
  let count = 0;
  for (let model = 0; model < models; model++) {
    if (groups[model] >= 0) continue;
    for (const other of reached(model, both)) groups[other] = count;
    count++;
  }
  // the largest set of a group in which "has beaten" leads from every model to every other
  const cores: Set<number>[] = Array.from({ length: count }, () => new Set());
  const seen = new Set<number>();
  for (let model = 0; model < models; model++) {
    if (seen.has(model)) continue;
    const from = reached(model, lostTo);
    const core = new Set([...reached(model, beaten)].filter((other) => from.has(other)));
    for (const other of core) seen.add(other);
    if (core.size > cores[groups[model]].size) cores[groups[model]] = core;
  }
  return { groups, open: groups.map((group, i) => cores[group].size < 2 || !cores[group].has(i)) };
}

/** Models that a chain of links leads to, the start among them. */
function reached(start: number, links: readonly number[][]): Set<number> {
  const seen = new Set([start]);
  for (const model of seen) for (const other of links[model]) seen.add(other);
  return seen;
}
