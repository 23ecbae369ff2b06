/** @file 4-bit weights on an engine: the fused op, uploads, products. */

export { type TuneWebgpuOptions, tuneWebgpu } from '../tune-webgpu.js';
export { disposeWeight4bit, uploadWeight4bit, type Weight4bit, type Weight4bitAttrs } from '../weight.js';
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
