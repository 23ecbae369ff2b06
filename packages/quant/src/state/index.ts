/** @file Tables and statistics of the 4-bit formats, one by one. */
export { restoreAbsmax, roundTo } from '../dequantize.js';
export { type BlockQuantizer, type BlockTables, type QuantizeAbsmaxOptions, quantizeAbsmax } from '../quantize.js';
export { findState, stateJson } from '../state.js';
export { CODEBOOK, DYNAMIC_MAP, dynamicMap, orderedCodes } from '../tables.js';
