/** @file Tensors that are not needed for a while, out of the engine's own memory. */
import { engine, type Tensor } from '@tensorflow/tfjs-core';
import { WasmBackend } from './wasm/backend.js';

/**
 * Moves tensors out of the memory of engine `wasm` (at most 4 GiB) into ordinary arrays, from where a kernel that reads
 * them brings them back. Does nothing on engines whose tensors are ordinary arrays anyway.
 */
export function offload(tensors: Iterable<Tensor>): void {
  const { backend } = engine();
  if (!(backend instanceof WasmBackend)) return;
  for (const tensor of tensors) backend.evict(tensor);
}
