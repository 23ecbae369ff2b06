/** @file Losses of a classifier head and their gradients by the logits (transformers loss_utils ForSequenceClassification). */
import {
  exp,
  logSoftmax,
  mean,
  mul,
  neg,
  oneHot,
  reshape,
  type Scalar,
  scalar,
  square,
  sub,
  sum,
  type Tensor2D,
  tensor1d,
  tensor2d,
} from '@tensorflow/tfjs-core';

/** Mean loss over the batch, and its gradient by the logits. */
export type Loss = (logits: Tensor2D, labels: ArrayLike<number>) => { loss: Scalar; dlogits: Tensor2D };

/**
 * Mean cross entropy of whole-number labels. logits [n, numLabels].
 * Gradient: (softmax - onehot) / n.
 */
export const crossEntropy: Loss = (logits, labels) => {
  const [n, numLabels] = logits.shape;
  const logProbabilities = logSoftmax(logits);
  const target = oneHot(tensor1d(Int32Array.from(labels), 'int32'), numLabels);
  const loss = mul(neg(sum(mul(logProbabilities, target))), scalar(1 / n)) as Scalar;
  const dlogits = mul(sub(exp(logProbabilities), target), scalar(1 / n)) as Tensor2D;
  return { loss, dlogits };
};

/** Mean squared error of one logit a row against a number. Gradient: 2 (logit - label) / n. */
export const meanSquaredError: Loss = (logits, labels) => {
  const difference = sub(logits, reshape(tensor1d(Float32Array.from(labels)), [-1, 1]));
  const loss = mean(square(difference)) as Scalar;
  return { loss, dlogits: mul(difference, scalar(2 / logits.shape[0])) as Tensor2D };
};

/** Cross entropy against probabilities of the first class, for two-label heads: labels are P(class 0) in [0, 1]. */
export const softCrossEntropy: Loss = (logits, labels) => {
  const n = logits.shape[0];
  const logProbabilities = logSoftmax(logits);
  const target = tensor2d(
    Float32Array.from({ length: 2 * n }, (_, i) => (i & 1 ? 1 - labels[i >> 1] : labels[i >> 1])),
    [n, 2],
  );
  const loss = mul(neg(sum(mul(logProbabilities, target))), scalar(1 / n)) as Scalar;
  return { loss, dlogits: mul(sub(exp(logProbabilities), target), scalar(1 / n)) as Tensor2D };
};

/** transformers' choice by the width of the head: regression for one label, else classification. */
export function defaultLoss(numLabels: number): Loss {
  return numLabels === 1 ? meanSquaredError : crossEntropy;
}
