/**
 * @file Losses of a classifier head and their gradients by the logits (transformers loss_utils ForSequenceClassificationLoss).
 * z are the logits [n, K], y the labels, s the sigmoid, p = softmax(z), means are over what is named.
 *
 *   cross entropy    mean_n of -sum_k t_k log p_k                      d/dz = (p - t) / n, as sum_k t_k = 1
 *                    t = onehot(y), or y itself; smoothed: t = (1 - e) t + e / K
 *   binary           mean_nK of -y log s(z) - (1 - y) log s(-z)        d/dz = (s(z) - y) / (n K)
 *                    = max(z, 0) - z y + log(1 + exp(-|z|)), which nothing overflows
 *   squared error    mean_nK of (z - y)^2                              d/dz = 2 (z - y) / (n K)
 *   Bradley-Terry    rows 2i and 2i + 1 score the answers A and B of pair i: binary cross entropy of d = z_A - z_B
 *                    against P(A wins), mean over pairs                d/dz_A = (s(d) - P(A wins)) / pairs = -d/dz_B
 */

import {
  abs,
  add,
  exp,
  log1p,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  relu,
  reshape,
  type Scalar,
  scalar,
  sigmoid,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tensor1d,
  tensor2d,
} from '@tensorflow/tfjs-core';
import { DecoderError } from './error.js';

/**
 * Mean loss over a batch, and its gradient by the logits [n, numLabels].
 * @param weights Factors of the sequences' (for Bradley-Terry: the pairs') terms in the mean, which still divides by their number.
 * @throws DecoderError when the labels or weights do not fit the logits.
 */
export type Loss = (
  logits: Tensor2D,
  labels: ArrayLike<number>,
  weights?: ArrayLike<number>,
) => { loss: Scalar; dlogits: Tensor2D };

/** transformers' `problem_type`. */
export type ProblemType = 'regression' | 'single_label_classification' | 'multi_label_classification';

/**
 * Cross entropy. Labels are class numbers [n], or probabilities of every class [n, numLabels], row by row.
 * @param labelSmoothing torch's: this share of every label is spread evenly over the classes.
 * @throws DecoderError when it is outside [0, 1).
 */
export function smoothedCrossEntropy(labelSmoothing: number): Loss {
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new DecoderError('argument', `label smoothing is ${labelSmoothing}, a number in [0, 1) is expected`);
  }
  return (logits, labels, weights) => {
    const [n, numLabels] = logits.shape;
    const logProbabilities = logSoftmax(logits);
    const given = labels.length === n ? classTargets(labels, numLabels) : probabilityTargets(labels, n, numLabels);
    const target = labelSmoothing
      ? add(mul(given, scalar(1 - labelSmoothing)), scalar(labelSmoothing / numLabels))
      : given;
    const loss = mul(neg(sum(weighted(mul(logProbabilities, target), weights))), scalar(1 / n)) as Scalar;
    const dlogits = mul(sub(exp(logProbabilities), target), scalar(1 / n));
    return { loss, dlogits: weighted(dlogits, weights) as Tensor2D };
  };
}

/** {@link smoothedCrossEntropy} without smoothing. */
export const crossEntropy: Loss = smoothedCrossEntropy(0);

/** Binary cross entropy of every logit by itself, for several labels that may hold at once. Labels in [0, 1], [n, numLabels]. */
export const binaryCrossEntropy: Loss = (logits, labels, weights) => {
  const target = tensor2d(matrixLabels(logits, labels, 'binary cross entropy', [0, 1]), logits.shape);
  const count = scalar(1 / logits.size);
  return {
    loss: mean(weighted(binaryTerms(logits, target), weights)) as Scalar,
    dlogits: weighted(mul(sub(sigmoid(logits), target), count), weights) as Tensor2D,
  };
};

/** Mean squared error against numbers [n, numLabels]. */
export const meanSquaredError: Loss = (logits, labels, weights) => {
  const difference = sub(logits, tensor2d(matrixLabels(logits, labels, 'squared error'), logits.shape));
  return {
    loss: mean(weighted(square(difference), weights)) as Scalar,
    dlogits: weighted(mul(difference, scalar(2 / logits.size)), weights) as Tensor2D,
  };
};

/**
 * Bradley-Terry for a reward head of one label: sequences stand in pairs, A before B. Labels [pairs]: 0 when A won, 1 when B
 * did, 0.5 for a tie, or a probability that B wins.
 */
export const bradleyTerry: Loss = (logits, labels, weights) => {
  const [n, numLabels] = logits.shape;
  if (numLabels !== 1 || n % 2 || labels.length !== n / 2) {
    throw new DecoderError(
      'batch',
      `Bradley-Terry wants one logit a sequence and one label for each two of them, got logits [${logits.shape}] ` +
        `and ${labels.length} labels`,
    );
  }
  const rewards = reshape(logits, [n / 2, 2]);
  const signs = tensor2d([1, -1], [1, 2]);
  const difference = sum(mul(rewards, signs), 1);
  const target = tensor1d(checked(labels, 'Bradley-Terry', [0, 1]).map((label) => 1 - label));
  const slope = weighted(mul(sub(sigmoid(difference), target), scalar(2 / n)), weights);
  return {
    loss: mean(weighted(binaryTerms(difference, target), weights)) as Scalar,
    dlogits: reshape(stack([slope, neg(slope)], 1), [n, 1]) as Tensor2D,
  };
};

/** Rows times their weights. */
function weighted(rows: Tensor, weights: ArrayLike<number> | undefined): Tensor {
  if (!weights) return rows;
  const [n] = rows.shape;
  const bad = Array.from(weights).find((weight) => !(weight >= 0 && weight < Number.POSITIVE_INFINITY));
  if (weights.length !== n || bad !== undefined) {
    throw new DecoderError(
      'batch',
      bad === undefined
        ? `${weights.length} weights for ${n} terms of the loss: one each is expected`
        : `a weight is ${bad}, a number of at least 0 is expected`,
    );
  }
  return mul(rows, reshape(tensor1d(Float32Array.from(weights)), [n, ...rows.shape.slice(1).map(() => 1)]));
}

/** max(z, 0) - z y + log(1 + exp(-|z|)) */
function binaryTerms(logits: Tensor, target: Tensor): Tensor {
  return add(sub(relu(logits), mul(logits, target)), log1p(exp(neg(abs(logits)))));
}

/** transformers' choice: by config.json's `problem_type`, else regression for one label and classification for more. */
export function defaultLoss(numLabels: number, problemType?: ProblemType): Loss {
  if (problemType === 'multi_label_classification') return binaryCrossEntropy;
  if (problemType === 'regression' || (problemType === undefined && numLabels === 1)) return meanSquaredError;
  return crossEntropy;
}

function classTargets(labels: ArrayLike<number>, numLabels: number): Tensor2D {
  const classes = Int32Array.from(labels);
  const bad = classes.findIndex((label, i) => label !== labels[i] || label < 0 || label >= numLabels);
  if (bad >= 0)
    throw new DecoderError('batch', `label ${labels[bad]} of row ${bad} is not a class from 0 to ${numLabels - 1}`);
  return oneHot(tensor1d(classes, 'int32'), numLabels) as Tensor2D;
}

function probabilityTargets(labels: ArrayLike<number>, n: number, numLabels: number): Tensor2D {
  if (labels.length !== n * numLabels) {
    throw new DecoderError(
      'batch',
      `${labels.length} labels for ${n} sequences: one class each, or ${numLabels} probabilities each are expected`,
    );
  }
  const values = checked(labels, 'cross entropy', [0, 1]);
  for (let row = 0; row < n; row++) {
    let total = 0;
    for (let k = 0; k < numLabels; k++) total += values[row * numLabels + k];
    if (Math.abs(total - 1) > 1e-3)
      throw new DecoderError('batch', `the probabilities of row ${row} add up to ${total}, not 1`);
  }
  return tensor2d(values, [n, numLabels]);
}

function matrixLabels(logits: Tensor2D, labels: ArrayLike<number>, loss: string, range?: [number, number]) {
  const [n, numLabels] = logits.shape;
  if (labels.length !== n * numLabels) {
    throw new DecoderError('batch', `${labels.length} labels for ${n} sequences: ${loss} wants ${numLabels} for each`);
  }
  return checked(labels, loss, range);
}

function checked(labels: ArrayLike<number>, loss: string, [low, high] = [-Infinity, Infinity]): Float32Array {
  const values = Float32Array.from(labels);
  const bad = values.findIndex((value) => !(value >= low && value <= high) || !Number.isFinite(value));
  if (bad >= 0)
    throw new DecoderError('batch', `label ${bad} is ${values[bad]}: ${loss} wants numbers from ${low} to ${high}`);
  return values;
}
