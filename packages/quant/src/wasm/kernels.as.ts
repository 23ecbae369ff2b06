/** @file What the package's WebAssembly module exports. */
export { multiply4bit, multiplyColumns, multiplyRows, splitEvenOdd } from '../ops/linear4bit/kernel.as';
export { quantizeBlocks } from '../ops/quantize4bit/kernel.as';
