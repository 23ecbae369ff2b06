/** @file A model with a merged adapter, as a view of the base's tensors. */

import type { Weights } from '@arena/files';
import { type FloatDtype, readQuantized, serializeState } from '@arena/quant';
import type { TensorInput } from '@arena/safetensors';
import { type Dtype, floatWeights, fromFloat32, weightsView } from '@arena/safetensors/tensor';
import { LoraError } from './error.js';
import type { AdapterFiles } from './files.js';
import { type MergeError, mergeError, mergeWeight, mergeWeight4bit } from './merge.js';
import type { LoraTarget } from './targets.js';

/** The result of {@link mergedWeights}. */
export interface MergedWeights extends Weights {
  /** Rounding error of each weight that the base holds in 4 bits. */
  readonly requantized: MergeError[];
}

const STORED = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' } as const satisfies Record<FloatDtype, Dtype>;

/**
 * The tensors of `base` with an adapter folded in: the matrices that it changes, in the type in which they are
 * stored, then its score head, then all others. A float matrix is merged when it is read; 4-bit ones are merged and
 * quantised again now, and their codes held. Blocks of ggml, in a GGUF base, become floats of `dtype`.
 * @param targets The modules that the adapter changes: `resolveTargets` gives them, `checkAdapter` that they fit.
 * @param dtype The model's, in which its head and what were blocks are stored.
 * @throws Error naming a tensor that is missing or is no 4-bit weight that is known here.
 */
export async function mergedWeights(
  base: Weights,
  { weights: matrices, score }: AdapterFiles,
  targets: readonly LoraTarget[],
  dtype: FloatDtype = 'float32',
): Promise<MergedWeights> {
  const weights = floatWeights(base, STORED[dtype]);
  const changed: TensorInput[] = [];
  const requantized: MergeError[] = [];
  for (const target of targets) {
    const name = `${target.path}.weight`;
    const lora = matrices.get(target.path)!;
    const quantized = await readQuantized(weights, name);
    if (quantized) {
      const merged = mergeWeight4bit(quantized, lora, target);
      changed.push(...serializeState(name, merged));
      requantized.push(mergeError(quantized, merged, lora, target));
      continue;
    }
    const entry = weights.tensors.get(name);
    if (!entry)
      throw new LoraError('weights', `${weights.place}: tensor '${name}' is missing, which the adapter changes`);
    const stored = entry.stored as Dtype;
    changed.push({
      name,
      dtype: stored,
      shape: entry.shape,
      data: async () => fromFloat32(mergeWeight(await weights.readFloat32(name), lora, target), stored),
    });
  }
  const replaced = new Set(changed.map(({ name }) => name));
  if (score) {
    const stored = STORED[dtype];
    changed.push({ name: 'score.weight', dtype: stored, shape: score.shape, data: fromFloat32(score.values, stored) });
    for (const name of weights.tensors.keys()) if (/^score\.weight(\.|$)/.test(name)) replaced.add(name);
  }
  const others = [...weights.tensors.keys()].filter((name) => !replaced.has(name));
  return { ...weightsView(weights, [...changed, ...others]), requantized };
}
