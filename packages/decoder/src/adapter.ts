/** @file The trained part of a model, back on the host. */

import type { AdapterFiles } from '@arena/lora';
import { DecoderError } from './error.js';
import { type Classifier, linearsOf } from './model.js';

/**
 * The adapter and head of a model as a PEFT folder holds them.
 * @throws DecoderError when the model has no adapter.
 */
export async function readAdapter(model: Classifier): Promise<AdapterFiles> {
  if (!model.lora) throw new DecoderError('adapter', 'the model has no LoRA adapter');
  const { config, targets } = model.lora;
  const linears = new Map(model.layers.flatMap(linearsOf).map((one) => [one.path, one]));
  const weights: AdapterFiles['weights'] = new Map();
  for (const { path, r } of targets) {
    const { A, B } = linears.get(path)!.lora!;
    const values = async (tensor: typeof A) => Float32Array.from(await tensor.value.data());
    weights.set(path, { A: await values(A), B: await values(B), r });
  }
  const score = Float32Array.from(await model.score.value.data());
  return { config, weights, score: { values: score, shape: model.score.value.shape as [number, number] } };
}
