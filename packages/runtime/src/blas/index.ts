/** @file Native libraries of matrix products for engine `wasm` in Node. */
export { type BlasOptions, openBlas } from './open.js';
