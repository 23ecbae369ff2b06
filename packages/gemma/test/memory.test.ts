/** @file The plan of a training step against what engine `wasm` then takes. */
import { GEMMA2_2B, loadGemma, planMemory, trainableParameters, trainingPass } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine, wasmBackend } from '@arena/runtime';
import { backend, dispose } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { tinyCheckpoint } from './tiny.js';

interface Shape {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  /** Query heads of each key and value head. */
  groups: number;
}

const SMALL: Shape = { hiddenSize: 128, intermediateSize: 256, layers: 4, groups: 2 };
const WIDE: Shape = { hiddenSize: 192, intermediateSize: 768, layers: 6, groups: 1 };

/** Peak of a training step, and the plan. */
async function measure(
  shape: Shape,
  options: { tokens: number; recomputeLayers: number; first: number; quantized: boolean },
) {
  const { tokens, recomputeLayers, first, quantized } = options;
  const config = {
    ...GEMMA2_2B,
    vocabSize: 100,
    hiddenSize: shape.hiddenSize,
    intermediateSize: shape.intermediateSize,
    numHiddenLayers: shape.layers,
    numAttentionHeads: 4,
    numKeyValueHeads: 4 / shape.groups,
    headDim: shape.hiddenSize / 4,
    slidingLayers: Array.from({ length: shape.layers }, (_, i) => i % 2 === 0),
    dtype: 'float32' as const,
  };
  const engine = await openEngine('wasm', { threads: 2 });
  const { heap } = wasmBackend(backend() as never);
  const names = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const layers = Array.from({ length: shape.layers - first }, (_, i) => first + i);
  const lora = loraConfig({ r: 16, target_modules: names, layers_to_transform: layers, lora_dropout: 0.1 });
  const model = await loadGemma(await tinyCheckpoint({}, config), {
    ...(quantized && { quantization: {} }),
    lora: { config: lora, seed: 1 },
  });
  const trained = trainableParameters(model).reduce((sum, { value }) => sum + value.size, 0);
  const batch = {
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 17) % 90)),
    offsets: Int32Array.of(0, tokens >> 1, tokens),
  };
  for (let step = 0; step < 2; step++) {
    const passOptions = { recomputeLayers, dropout: { seed: 1, step } };
    const { loss, logits } = await trainingPass(model, batch, [0, 1], passOptions);
    dispose([loss, logits]);
  }
  const peakBytes = heap.peakBytes + 8 * trained; // the optimizer's moments, which a pass does not make
  const plan = (budgetBytes?: number) =>
    planMemory({ config, targets: model.lora!.targets, tokens, quantized, budgetBytes });
  let planned = plan();
  while (planned.recomputeLayers < recomputeLayers) planned = plan(planned.total - 1);
  await model.dispose();
  engine.dispose();
  return { peakBytes, planned };
}

test.each([
  ['everything kept', SMALL, { tokens: 1000, recomputeLayers: 0, first: 0, quantized: true }],
  ['two layers recomputed', SMALL, { tokens: 1500, recomputeLayers: 2, first: 0, quantized: true }],
  ['all below the last recomputed', WIDE, { tokens: 700, recomputeLayers: 4, first: 0, quantized: true }],
  ['lower layers frozen', WIDE, { tokens: 1000, recomputeLayers: 0, first: 3, quantized: true }],
  ['the last layer alone', WIDE, { tokens: 1200, recomputeLayers: 0, first: 5, quantized: true }],
  ['a float base', WIDE, { tokens: 700, recomputeLayers: 1, first: 2, quantized: false }],
])('$0: within 5 % of the measured peak', async (_, shape, options) => {
  const { peakBytes, planned } = await measure(shape, options);
  expect(planned.recomputeLayers).toBe(options.recomputeLayers);
  expect(planned.total / peakBytes).toBeGreaterThan(0.95);
  expect(planned.total / peakBytes).toBeLessThan(1.05);
});
