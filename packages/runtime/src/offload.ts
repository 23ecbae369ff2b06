/** @file Tensors that are not needed for a while, out of the engine's way. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { currentAbilities } from './abilities.js';

/**
 * Moves tensors out of the memory of engine `wasm` (at most 4 GiB) into ordinary arrays, from where a kernel that reads
 * them brings them back. Does nothing on engines whose tensors are ordinary arrays anyway.
 */
export function offload(tensors: Iterable<Tensor>): void {
  const abilities = currentAbilities();
  for (const tensor of tensors) abilities.evict?.(tensor);
}

/**
 * Rounds large float32 tensors to bfloat16, in which they take half the memory until a kernel reads them. Does nothing where
 * the engine does not work in bfloat16 anyway (see {@link Engine.halves}).
 */
export function halve(tensors: Iterable<Tensor>): void {
  const abilities = currentAbilities();
  for (const tensor of tensors) abilities.halve?.(tensor);
}
