/** @file Merges an adapter into its base weight (peft/tuners/lora/layer.py get_delta_weight, bnb.py merge). */

import { dequantize4bit, type Quantized4bit, quantize4bit } from '@arena/quant';
import { engineBlocks } from '@arena/quant/ops';
import type { LoraWeights } from './init.js';
import type { LoraTarget } from './targets.js';

/** W + scaling * B A in float32 [outFeatures, inFeatures]; `weight` does not change. */
export function mergeWeight(
  weight: Float32Array,
  { A, B }: LoraWeights,
  target: Pick<LoraTarget, 'r' | 'inFeatures' | 'outFeatures' | 'scaling'>,
): Float32Array {
  const { r, inFeatures, outFeatures, scaling } = target;
  const merged = Float32Array.from(weight);
  const row = new Float64Array(inFeatures);
  for (let o = 0; o < outFeatures; o++) {
    row.fill(0);
    for (let k = 0; k < r; k++) {
      const b = B[o * r + k];
      for (let i = 0; i < inFeatures; i++) row[i] += b * A[k * inFeatures + i];
    }
    for (let i = 0; i < inFeatures; i++) merged[o * inFeatures + i] += Math.fround(Math.fround(row[i]) * scaling);
  }
  return merged;
}

/**
 * Merges into a 4-bit weight: dequantise, add, quantise again with the same settings. The second rounding changes the
 * model (logits of small models moved by 0.2 to 0.7): merge into the original checkpoint where available.
 */
export function mergeWeight4bit(weight: Quantized4bit, lora: LoraWeights, target: LoraTarget): Quantized4bit {
  const { shape, quantType, blockSize, nested, dtype } = weight;
  const merged = mergeWeight(dequantize4bit(weight), lora, target);
  return quantize4bit(merged, shape, {
    type: quantType,
    blockSize,
    doubleQuant: nested !== undefined,
    dtype,
    blocks: engineBlocks,
  });
}

/** Error of rounding a merged 4-bit weight again. */
export interface MergeError {
  /** ‖merged - (W + scaling B A)‖ / ‖scaling B A‖: at 1, rounding moved the weight as much as training did. */
  relativeToChange: number;
  /** ‖merged - (W + scaling B A)‖ / ‖W + scaling B A‖. */
  relativeToWeight: number;
}

/** Measures {@link mergeWeight4bit}: `merged` is its result for `weight`. */
export function mergeError(
  weight: Quantized4bit,
  merged: Quantized4bit,
  lora: LoraWeights,
  target: LoraTarget,
): MergeError {
  const before = dequantize4bit(weight);
  const want = mergeWeight(before, lora, target);
  const got = dequantize4bit(merged);
  let [error, change, size] = [0, 0, 0];
  for (let i = 0; i < want.length; i++) {
    error += (got[i] - want[i]) ** 2;
    change += (want[i] - before[i]) ** 2;
    size += want[i] ** 2;
  }
  return { relativeToChange: Math.sqrt(error / change), relativeToWeight: Math.sqrt(error / size) };
}
