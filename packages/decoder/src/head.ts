/** @file The head over the pooled tokens: hidden states to logits, and back. */
import { accumulate } from '@arena/runtime';
import { matMul, mul, type Scalar, scalar, type Tensor2D } from '@tensorflow/tfjs-core';
import type { Loss } from './loss.js';
import type { Classifier } from './model.js';
import { normBackward, normForward } from './norm.js';

/** hidden [n, H] -> final norm -> logits [n, numLabels]. */
export function headForward(model: Classifier, hidden: Tensor2D): { normed: Tensor2D; logits: Tensor2D } {
  const normed = normForward(hidden, model.norm, model.config.rmsNormEps);
  return { normed, logits: matMul(normed, model.score.value as Tensor2D, false, true) };
}

/** dscore = dlogits^T normed, dnormed = dlogits score, then back through the final norm. */
export function headBackward(
  model: Classifier,
  hidden: Tensor2D,
  lossOf: (logits: Tensor2D) => ReturnType<Loss>,
  lossScale: number,
): { loss: Scalar; logits: Tensor2D; gradient: Tensor2D } {
  const { normed, logits } = headForward(model, hidden);
  const { loss, dlogits: unscaled } = lossOf(logits);
  const dlogits = mul(unscaled, scalar(lossScale)) as Tensor2D;
  accumulate(model.score, matMul(dlogits, normed, true, false));
  const dnormed = matMul(dlogits, model.score.value as Tensor2D) as Tensor2D;
  return { loss, logits, gradient: normBackward(dnormed, hidden, model.norm, model.config.rmsNormEps) };
}
