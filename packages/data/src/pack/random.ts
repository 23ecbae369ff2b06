/** @file torch.randperm by seed. */

import { randperm as drawPermutation, Mt19937 } from '@arena/random';

/** `torch.randperm(n)` right after `torch.manual_seed(seed)` on the CPU. */
export function randperm(n: number, seed: number): Uint32Array {
  return drawPermutation(new Mt19937(seed), n);
}
