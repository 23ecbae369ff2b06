/** @file What the package's WebAssembly module exports. */
export { adamW, squaredParts, sumParts } from '../ops/adamw/kernel.as';
