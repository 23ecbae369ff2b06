/** @file What Rope is given. */
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** The rotation of each head: `headDim` is even, `theta` is config.json's rope_theta. */
export interface RopeAttrs {
  headDim: number;
  theta: number;
  /** Linear scaling: positions count as position / factor (transformers' rope_type `linear`). 1 for none. */
  factor: number;
  /** `bfloat16` rounds the frequencies as torch's `model.to(bfloat16)` does to its buffers; a fresh load keeps float32. */
  frequencyDtype: 'float32' | 'bfloat16';
  /** Rotate by -f. */
  inverse: boolean;
}

/** x [T, heads * headDim], positions int32 [T]. */
export type RopeInputs = { x: Tensor2D; positions: Tensor1D };
