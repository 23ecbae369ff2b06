/** @file Logistic regression on sparse rows: truncated Newton (conjugate gradients) with a halving line search. */
import { sigmoid, softplus } from '../special.js';

/** Rows [rows, columns], compressed: row i has `indices` and `values` from `starts[i]` to `starts[i + 1]`. */
export interface SparseRows {
  rows: number;
  columns: number;
  starts: Uint32Array;
  indices: Uint32Array;
  values: Float64Array;
}

/**
 * Objective and stopping rule. Default C 1, an intercept, weights of 1, no offset, tolerance 1e-9, at most 200 iterations of
 * Newton's method.
 */
export interface LogisticOptions {
  /** Inverse strength of the ridge |w|^2 / (2 C), as in scikit-learn; Infinity for none. */
  C?: number;
  /** Whether a constant is fitted; it is not penalised. */
  intercept?: boolean;
  /** Weight of each row [rows]. */
  weights?: ArrayLike<number>;
  /** Fixed log odds of each row, added to its score [rows]. The model does not hold them. */
  offset?: ArrayLike<number>;
  /** Ends when the largest slope is below this share of the first one. */
  tolerance?: number;
  maxIterations?: number;
}

/**
 * P(class 1) = sigmoid(x . coefficients + intercept), coefficients [columns]; the intercept is 0 without a fitted one.
 * `converged` is false when the iterations ran out or no step lowered the loss.
 */
export interface LogisticModel {
  coefficients: Float64Array;
  intercept: number;
  converged: boolean;
}

/** Compressed rows from one list of `[column, value]` a row. */
export function sparseRows(rows: readonly (readonly (readonly [number, number])[])[], columns: number): SparseRows {
  const count = rows.reduce((sum, row) => sum + row.length, 0);
  const out: SparseRows = {
    rows: rows.length,
    columns,
    starts: new Uint32Array(rows.length + 1),
    indices: new Uint32Array(count),
    values: new Float64Array(count),
  };
  let at = 0;
  for (const [i, row] of rows.entries()) {
    for (const [column, value] of row) {
      out.indices[at] = column;
      out.values[at++] = value;
    }
    out.starts[i + 1] = at;
  }
  return out;
}

/**
 * Minimises |w|^2 / (2 C) + sum of weight * log loss over labels `y` [rows] in [0, 1].
 * Equal input gives equal bits.
 */
export function fitLogistic(x: SparseRows, y: ArrayLike<number>, options: LogisticOptions = {}): LogisticModel {
  const { C = 1, intercept = true, weights, offset, tolerance = 1e-9, maxIterations = 200 } = options;
  const size = x.columns + (intercept ? 1 : 0); // the intercept is last
  const ridge = 1 / C;
  const w = new Float64Array(size);
  const weightOf = (i: number) => (weights ? weights[i] : 1);
  let z = offset ? Float64Array.from(offset) : new Float64Array(x.rows);
  const curvature = new Float64Array(x.rows);

  const objective = (at: Float64Array, scores: Float64Array) => {
    let sum = 0;
    for (let k = 0; k < x.columns; k++) sum += (ridge / 2) * at[k] * at[k];
    for (let i = 0; i < x.rows; i++)
      sum += weightOf(i) * (y[i] * softplus(-scores[i]) + (1 - y[i]) * softplus(scores[i]));
    return sum;
  };
  const gradient = () => {
    const error = new Float64Array(x.rows);
    for (let i = 0; i < x.rows; i++) {
      const p = sigmoid(z[i]);
      error[i] = weightOf(i) * (p - y[i]);
      curvature[i] = weightOf(i) * p * (1 - p);
    }
    const out = timesTransposed(x, error, intercept);
    for (let k = 0; k < x.columns; k++) out[k] += ridge * w[k];
    return out;
  };
  const hessianTimes = (v: Float64Array) => {
    const rows = times(x, v, intercept);
    for (let i = 0; i < x.rows; i++) rows[i] *= curvature[i];
    const out = timesTransposed(x, rows, intercept);
    for (let k = 0; k < x.columns; k++) out[k] += ridge * v[k];
    return out;
  };

  let value = objective(w, z);
  let firstSlope = 0;
  let converged = false;
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const slope = gradient();
    const largest = slope.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
    if (iteration === 0) firstSlope = largest;
    if (largest <= tolerance * firstSlope) {
      converged = true;
      break;
    }
    const step = conjugateGradients(hessianTimes, slope, Math.min(0.1, Math.sqrt(largest / firstSlope)));
    const stepScores = times(x, step, intercept);
    const descent = dot(step, slope);
    let moved = false;
    for (let length = 1; length > 1e-10; length /= 2) {
      const next = w.map((old, k) => old + length * step[k]);
      const scores = z.map((old, i) => old + length * stepScores[i]);
      const nextValue = objective(next, scores);
      // Near the minimum the value no longer changes: accepts a step that does not raise it.
      if (nextValue <= value + 1e-4 * length * descent || Math.abs(nextValue - value) <= 1e-14 * Math.abs(value)) {
        w.set(next);
        z = scores;
        value = nextValue;
        moved = true;
        break;
      }
    }
    if (!moved) break;
  }
  return { coefficients: w.slice(0, x.columns), intercept: intercept ? w[x.columns] : 0, converged };
}

/** Solves H step = -slope until the residual has fallen by `reduction`. */
function conjugateGradients(
  hessianTimes: (v: Float64Array) => Float64Array,
  slope: Float64Array,
  reduction: number,
): Float64Array {
  const step = new Float64Array(slope.length);
  const residual = slope.map((s) => -s);
  let direction = residual.slice();
  let square = dot(residual, residual);
  const goal = square * reduction * reduction;
  for (let i = 0; i < Math.min(slope.length * 2, 250) && square > goal; i++) {
    const bent = hessianTimes(direction);
    const bend = dot(direction, bent);
    if (bend <= 1e-300) return i === 0 ? residual : step;
    const length = square / bend;
    for (let k = 0; k < step.length; k++) {
      step[k] += length * direction[k];
      residual[k] -= length * bent[k];
    }
    const next = dot(residual, residual);
    direction = direction.map((d, k) => residual[k] + (next / square) * d);
    square = next;
  }
  return step;
}

/** Product with coefficients [columns], and the intercept behind them where there is one. */
export function times(x: SparseRows, v: Float64Array, intercept: boolean): Float64Array {
  const out = new Float64Array(x.rows);
  const { starts, indices, values } = x;
  for (let i = 0; i < x.rows; i++) {
    let sum = intercept ? v[x.columns] : 0;
    for (let at = starts[i]; at < starts[i + 1]; at++) sum += values[at] * v[indices[at]];
    out[i] = sum;
  }
  return out;
}

function timesTransposed(x: SparseRows, v: Float64Array, intercept: boolean): Float64Array {
  const out = new Float64Array(x.columns + (intercept ? 1 : 0));
  const { starts, indices, values } = x;
  for (let i = 0; i < x.rows; i++) {
    for (let at = starts[i]; at < starts[i + 1]; at++) out[indices[at]] += values[at] * v[i];
    if (intercept) out[x.columns] += v[i];
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
