export { dequantize4bit, restoreAbsmax, roundTo } from './dequantize.js';
export { cuda4bit } from './ops/linear4bit/cuda.js';
export {
  type Linear4bitAttrs,
  linear4bit,
  linear4bitBackward,
  linear4bitForward,
  linear4bitOp,
} from './ops/linear4bit/op.js';
export { dequantizeReference } from './ops/linear4bit/reference.js';
export { multiply4bit, type Product4bit } from './ops/linear4bit/wasm.js';
export { weight4bitOperand } from './ops/linear4bit/webgpu.js';
export {
  type FloatDtype,
  type Quantize4bitOptions,
  type QuantizeAbsmaxOptions,
  type Quantized4bit,
  quantize4bit,
  quantizeAbsmax,
} from './quantize.js';
export {
  type QuantizedWeightsOptions,
  quantizationConfig,
  quantizedWeights,
  readQuantized,
} from './quantized-weights.js';
export { parseState, serializeState, stateJson } from './state.js';
export { CODEBOOK, DYNAMIC_MAP, dynamicMap, orderedCodes, type QuantType } from './tables.js';
export { type TuneWebgpuOptions, tuneWebgpu } from './tune-webgpu.js';
export { disposeWeight4bit, uploadWeight4bit, type Weight4bit, type Weight4bitAttrs } from './weight.js';
