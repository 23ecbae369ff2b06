/** @file What the package's WebAssembly module exports. */
export { dropout } from '../ops/lora-linear/kernel.as';
