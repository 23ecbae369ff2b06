/** @file What the package's WebAssembly module exports. */
export { multiply, multiplyFew, multiplyFewTransposed, packLeft } from './gemm.as';
