/** @file What RmsNorm and its gradient are given. */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** `eps` is config.json's rms_norm_eps: it is added to the mean square. */
export interface RmsNormAttrs {
  eps: number;
}

/** Those of the forward pass, and which gradients are formed; dx always is. */
export interface RmsNormBackwardAttrs extends RmsNormAttrs {
  /** Whether the gradient of the weight is wanted too. */
  weightGradient: boolean;
}

/** x [T, H], weight [H], residual [T, H]. */
export type RmsNormInputs = { x: Tensor2D; weight: Tensor1D; residual?: Tensor2D };

/** dy [T, H] and the inputs of the forward pass; `residual` [T, H] is added to dx. */
export type RmsNormBackwardInputs = RmsNormInputs & { dy: Tensor2D };
