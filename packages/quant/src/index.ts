export * from './dequantize.js';
export { cuda4bit } from './ops/linear4bit/cuda.js';
export * from './ops/linear4bit/op.js';
export { dequantizeReference } from './ops/linear4bit/reference.js';
export { multiply4bit, type Product4bit } from './ops/linear4bit/wasm.js';
export { weight4bitOperand } from './ops/linear4bit/webgpu.js';
export * from './quantize.js';
export {
  type QuantizedWeightsOptions,
  quantizationConfig,
  quantizedWeights,
  readQuantized,
} from './quantized-weights.js';
export { parseState, serializeState, stateJson } from './state.js';
export * from './tables.js';
export { type TuneWebgpuOptions, tuneWebgpu } from './tune-webgpu.js';
export * from './weight.js';
