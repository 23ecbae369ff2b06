/** @file An adapter's matrices on the engine. */
import type { LoraConfig, LoraTarget } from '@arena/lora';
import { adapterKey } from '@arena/lora/names';
import { parameter } from '@arena/runtime';
import { tensor2d } from '@tensorflow/tfjs-core';
import type { Linear } from './model.js';

/** An adapter's matrices for one module, on the engine. */
export function uploadLora(
  { path, r, inFeatures, outFeatures, scaling }: LoraTarget,
  index: number,
  { A, B }: { A: Float32Array; B: Float32Array },
  { lora_dropout }: LoraConfig,
): NonNullable<Linear['lora']> {
  return {
    A: parameter(adapterKey(path, 'lora_A'), tensor2d(A, [r, inFeatures])),
    B: parameter(adapterKey(path, 'lora_B'), tensor2d(B, [outFeatures, r])),
    scaling,
    dropout: lora_dropout,
    index,
  };
}
