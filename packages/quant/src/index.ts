export { dequantize4bit } from './dequantize.js';
export { QuantError } from './error.js';
export { type FloatDtype, type Quantize4bitOptions, type Quantized4bit, quantize4bit } from './quantize.js';
export {
  type QuantizedWeightsOptions,
  quantizationConfig,
  quantizedWeights,
  readQuantized,
} from './quantized-weights.js';
export { parseState, serializeState } from './state.js';
export type { QuantType } from './tables.js';
