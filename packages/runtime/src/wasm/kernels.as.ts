/** @file What the package's WebAssembly module exports. */
export { multiply, packLeft } from './gemm.as';
