/** @file Frees engine memory from tensors that are not needed for a while. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { currentAbilities } from './abilities.js';

/**
 * Moves tensors out of the memory of engine `wasm` (at most 4 GiB) into ordinary arrays. A kernel that reads them
 * brings them back. Does nothing on engines that keep tensors in ordinary arrays.
 */
export function offload(tensors: Iterable<Tensor>): void {
  const abilities = currentAbilities();
  for (const tensor of tensors) abilities.evict?.(tensor);
}

/**
 * Rounds large float32 tensors to bfloat16, in half the memory, until a kernel reads them. Does nothing where the
 * engine does not compute in bfloat16 (see {@link Engine.halves}).
 */
export function halve(tensors: Iterable<Tensor>): void {
  const abilities = currentAbilities();
  for (const tensor of tensors) abilities.halve?.(tensor);
}
