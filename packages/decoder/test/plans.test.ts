/** @file Whatever is kept, recomputed or moved out of the engine's memory, the gradients on engine `wasm` are the same bits. */
import { type Classifier, planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { dispose, memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { TINY_CONFIG, tinyBatch, tinyCheckpoint } from './tiny.js';

let model: Classifier;

beforeAll(async () => {
  await openEngine('wasm', { threads: 2 });
  const config = loraConfig({
    r: 2,
    lora_alpha: 4,
    lora_dropout: 0.1,
    init_lora_weights: false,
    target_modules: ['q_proj', 'up_proj'],
  });
  model = await loadGemma(await tinyCheckpoint(), { quantization: {}, lora: { config, seed: 1 } });
});

async function gradients(options: Parameters<typeof trainingPass>[3]) {
  const { labels, ...batch } = tinyBatch();
  const { loss, logits } = await trainingPass(model, batch, labels, { dropout: { seed: 1, step: 2 }, ...options });
  dispose([loss, logits]);
  const values: number[][] = [];
  for (const parameter of trainableParameters(model)) {
    values.push([...(await parameter.gradient!.data())]);
    parameter.gradient!.dispose();
    parameter.gradient = null;
  }
  return values;
}

test('gradients do not depend on the plan', async () => {
  const want = await gradients({});
  const tensors = memory().numTensors;
  for (const activations of [{ offload: true }, { recompute: 2, offload: true }, { recompute: 3 }]) {
    expect(await gradients({ activations })).toEqual(want);
  }
  expect(memory().numTensors).toBe(tensors);
});

test('an aborted pass leaves no tensors behind but gradients', async () => {
  const before = memory().numTensors;
  const { labels, ...batch } = tinyBatch();
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(trainingPass(model, batch, labels, { signal })).rejects.toThrow('enough');
  expect(memory().numTensors).toBe(before);
});

describe('planMemory', () => {
  const options = () => ({ config: TINY_CONFIG, targets: model.lora!.targets, tokens: 100, quantized: true });

  test('recomputes no more layers than the budget asks for', () => {
    const free = planMemory(options());
    expect(free.activations.recompute).toBe(0);
    const tight = planMemory({ ...options(), budgetBytes: free.total - 1 });
    expect(tight.activations.recompute).toBe(1);
    expect(tight.total).toBeLessThan(free.total);
  });

  test('says what to lower when nothing fits', () => {
    expect(() => planMemory({ ...options(), budgetBytes: 1000 })).toThrow('lower the tokens of a batch');
  });
});
