/** @file A weight in blocks of ggml on the engine: its bytes as a tensor. */
import type { Tensor1D } from '@tensorflow/tfjs-core';
import { type BlockType, checkBlocks } from './blocks.js';
import { packBytes } from './weight.js';

/** How to read the bytes of a matrix in blocks. */
export interface BlocksAttrs {
  type: BlockType;
  /** [outFeatures, inFeatures] */
  shape: [outFeatures: number, inFeatures: number];
}

/** A frozen matrix in blocks of ggml on the engine, as a GGUF file has it. */
export interface WeightBlocks extends BlocksAttrs {
  kind: 'blocks';
  /** Row after row of blocks, four bytes an int32, the last one filled with zeros. */
  tensors: { blocks: Tensor1D };
}

/**
 * Puts a matrix in blocks on the current engine.
 * @param bytes Its rows, [outFeatures] times the blocks of [inFeatures] values.
 * @throws QuantError for another type, bytes of another length, rows that are no whole blocks, a scale that is not finite.
 */
export function uploadBlocks(type: BlockType, bytes: Uint8Array, shape: readonly number[]): WeightBlocks {
  checkBlocks(type, bytes, shape);
  const [outFeatures, inFeatures] = shape;
  return { kind: 'blocks', type, shape: [outFeatures, inFeatures], tensors: { blocks: packBytes(bytes) } };
}

/** Frees a weight's tensor; it is of no use afterwards. */
export function disposeBlocks({ tensors }: WeightBlocks): void {
  tensors.blocks.dispose();
}
