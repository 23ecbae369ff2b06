/** @file LinearBlocks in plain terms: widen the whole matrix on the host, multiply. */
import { dequantize } from '@arena/gguf';
import { matMul, type Tensor, type Tensor1D, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { blockBytes } from '../../blocks.js';
import type { BlocksAttrs } from '../../weight-blocks.js';
import type { LinearBlocksAttrs, LinearBlocksInputs } from './attrs.js';

export function linearBlocksReference({ x, blocks }: LinearBlocksInputs, attrs: LinearBlocksAttrs): Tensor[] {
  return [matMul(x, widenBlocks(blocks, attrs), false, !attrs.transposed)];
}

/** The float32 matrix [outFeatures, inFeatures] of a weight in blocks. */
export function widenBlocks(blocks: Tensor1D, { type, shape }: BlocksAttrs): Tensor2D {
  const words = blocks.dataSync();
  const bytes = new Uint8Array(words.buffer, words.byteOffset, blockBytes(type, shape));
  return tensor2d(dequantize(type, bytes), shape);
}
