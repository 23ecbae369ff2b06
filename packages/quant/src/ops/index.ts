/** @file 4-bit weights on an engine: the fused op, uploads, products. */

export { BLOCK_TYPES, type BlockType, blockBytes, isBlockType } from '../blocks.js';
export { randomBlocks } from '../random-blocks.js';
export { type TuneWebgpuOptions, tuneWebgpu } from '../tune-webgpu.js';
export { disposeWeight4bit, uploadWeight4bit, type Weight4bit, type Weight4bitAttrs } from '../weight.js';
export { type BlocksAttrs, disposeBlocks, uploadBlocks, type WeightBlocks } from '../weight-blocks.js';
export {
  type LinearBlocksAttrs,
  linearBlocks,
  linearBlocksBackward,
  linearBlocksForward,
  linearBlocksOp,
} from './linear-blocks/op.js';
export { widenBlocks } from './linear-blocks/reference.js';
export { multiplyBlocks, type ProductBlocks } from './linear-blocks/wasm.js';
export { cuda4bit } from './linear4bit/cuda.js';
export {
  type Linear4bitAttrs,
  linear4bit,
  linear4bitBackward,
  linear4bitForward,
  linear4bitOp,
} from './linear4bit/op.js';
export { dequantizeReference } from './linear4bit/reference.js';
export { multiply4bit, type Product4bit } from './linear4bit/wasm.js';
export { weight4bitOperand } from './linear4bit/webgpu.js';
export { engineBlocks } from './quantize4bit/wasm.js';
