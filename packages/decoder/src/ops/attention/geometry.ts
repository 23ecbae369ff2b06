/** @file The numbers of a call that the GPU kernels are given. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { AttentionAttrs } from './attrs.js';

/** Sizes, scale, soft cap and window; a window of 2^31 is none. */
export function attentionGeometry({ q, k, offsets }: { [name: string]: TensorInfo }, attrs: AttentionAttrs) {
  const { numHeads, numKeyValueHeads, headDim, scale, softcap, slidingWindow } = attrs;
  return {
    queries: q.shape[0],
    tokens: k.shape[0],
    heads: numHeads,
    keyValueHeads: numKeyValueHeads,
    headDim,
    sequences: offsets.shape[0] - 1,
    window: slidingWindow || 2 ** 31,
    scale,
    softcap,
  };
}

/** Their types, in the order of the CUDA kernels' arguments. */
export const GEOMETRY_PARAMS = {
  queries: 'u32',
  tokens: 'u32',
  heads: 'u32',
  keyValueHeads: 'u32',
  headDim: 'u32',
  sequences: 'u32',
  window: 'u32',
  scale: 'f32',
  softcap: 'f32',
} as const;
