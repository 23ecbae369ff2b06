/** @file What Swiglu is given. */
import type { Tensor2D } from '@tensorflow/tfjs-core';

/** None: the activation has nothing to set. */
export type SwigluAttrs = Record<string, never>;

/** gate, up [T, I]. */
export type SwigluInputs = { gate: Tensor2D; up: Tensor2D };
