/** @file What GeGlu and its gradient are given. */
import type { Tensor2D } from '@tensorflow/tfjs-core';

/** None: the activation has nothing to set. */
export type GegluAttrs = Record<string, never>;

/** gate, up [T, I]. */
export type GegluInputs = { gate: Tensor2D; up: Tensor2D };

/** dy [T, I] and the inputs of the forward pass. */
export type GegluBackwardInputs = GegluInputs & { dy: Tensor2D };
