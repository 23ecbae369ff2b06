/** @file An RMSNorm of a layer, over whole tokens or over each head, forward and backward. */
import { accumulate } from '@arena/runtime';
import { reshape, type Tensor2D, tidy } from '@tensorflow/tfjs-core';
import type { Norm } from './model.js';
import { rmsNormBackward, rmsNormForward } from './ops/rms-norm/op.js';

/** x r (1 + w) (+ residual). x [T, width], w [width] -> [T, width]. */
export function normForward(x: Tensor2D, { weight }: Norm, eps: number, residual?: Tensor2D): Tensor2D {
  return rmsNormForward(x, weight, eps, residual);
}

/** dx (+ residual) [T, width]; the gradient of w gathers on the norm where it is trained. */
export function normBackward(dy: Tensor2D, x: Tensor2D, norm: Norm, eps: number, residual?: Tensor2D): Tensor2D {
  const options = { residual, weightGradient: norm.trained !== undefined };
  const { dx, dweight } = rmsNormBackward(dy, x, norm.weight, eps, options);
  if (norm.trained) accumulate(norm.trained, dweight!);
  return dx;
}

/** The norm of each head: x [T, heads * D] is taken as [T * heads, D], which lies the same way in memory. */
export function headNormForward(x: Tensor2D, norm: Norm, eps: number): Tensor2D {
  const width = norm.weight.shape[0];
  return tidy(() => reshape(normForward(reshape(x, [-1, width]), norm, eps), x.shape));
}

/** dy, x [T, heads * D] -> dx [T, heads * D]. */
export function headNormBackward(dy: Tensor2D, x: Tensor2D, norm: Norm, eps: number): Tensor2D {
  const width = norm.weight.shape[0];
  return tidy(() => reshape(normBackward(reshape(dy, [-1, width]), reshape(x, [-1, width]), norm, eps), x.shape));
}
