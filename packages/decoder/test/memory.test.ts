/** @file The plan of a training step against what engine `wasm` then takes. */
import { planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { GEMMA2_2B, GEMMA3_270M, loadGemma, parseGemmaConfig } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { wasmBackend } from '@arena/runtime/wasm';
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

/** config.json of a Gemma 2 of other sizes. */
function gemma2({ hiddenSize, intermediateSize, layers, groups }: Shape) {
  return {
    ...GEMMA2_2B,
    vocab_size: 100,
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    num_key_value_heads: 4 / groups,
    head_dim: hiddenSize / 4,
    torch_dtype: 'float32',
  };
}

const SMALL = gemma2({ hiddenSize: 128, intermediateSize: 256, layers: 4, groups: 2 });
const WIDE = gemma2({ hiddenSize: 192, intermediateSize: 768, layers: 6, groups: 1 });

/** Gemma 3 270M with fewer layers; in float32 its table of tokens would take 123 MB, which no plan counts. */
const GEMMA3 = { ...GEMMA3_270M, num_hidden_layers: 3, vocab_size: 48000 };

const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const QKV = ALL.slice(0, 3);

/** Peak of a training step, and the plan. */
async function measure(
  json: Record<string, unknown> & { num_hidden_layers: number; vocab_size: number },
  options: { tokens: number; recompute: number; first: number; quantized: boolean; names?: string[] },
) {
  const { tokens, recompute, first, quantized, names = ALL } = options;
  const config = parseGemmaConfig(JSON.stringify(json));
  const engine = await openEngine('wasm', { threads: 2 });
  const { heap } = wasmBackend(backend() as never);
  const layers = Array.from({ length: json.num_hidden_layers - first }, (_, i) => first + i);
  const lora = loraConfig({ r: 16, target_modules: names, layers_to_transform: layers, lora_dropout: 0.1 });
  const model = await loadGemma(await tinyCheckpoint({}, json), {
    ...(quantized && { quantization: {} }),
    lora: { config: lora, seed: 1 },
  });
  const trained = trainableParameters(model).reduce((sum, { value }) => sum + value.size, 0);
  const batch = {
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 17) % (json.vocab_size - 3))),
    offsets: Int32Array.of(0, tokens >> 1, tokens),
  };
  for (let step = 0; step < 2; step++) {
    const passOptions = { activations: { recompute }, dropout: { seed: 1, step } };
    const { loss, logits } = await trainingPass(model, batch, [0, 1], passOptions);
    dispose([loss, logits]);
  }
  const peakBytes = heap.peakBytes + 8 * trained; // the optimizer's moments, which a pass does not make
  const plan = (budgetBytes?: number) =>
    planMemory({ config, targets: model.lora!.targets, tokens, quantized, budgetBytes });
  let planned = plan();
  while (planned.activations.recompute < recompute) planned = plan(planned.total - 1);
  await model.dispose();
  engine.dispose();
  return { peakBytes, planned };
}

test.each([
  ['everything kept', SMALL, { tokens: 1000, recompute: 0, first: 0, quantized: true }],
  ['two layers recomputed', SMALL, { tokens: 1500, recompute: 2, first: 0, quantized: true }],
  ['all below the last recomputed', WIDE, { tokens: 700, recompute: 4, first: 0, quantized: true }],
  ['lower layers frozen', WIDE, { tokens: 1000, recompute: 0, first: 3, quantized: true }],
  ['the last layer alone', WIDE, { tokens: 1200, recompute: 0, first: 5, quantized: true }],
  ['a float base', WIDE, { tokens: 700, recompute: 1, first: 2, quantized: false }],
  ['Gemma 3 270M, three layers', GEMMA3, { tokens: 1024, recompute: 0, first: 1, quantized: true, names: QKV }],
])('$0: within 5 % of the measured peak', async (_, json, options) => {
  const { peakBytes, planned } = await measure(json, options);
  expect(planned.activations.recompute).toBe(options.recompute);
  expect(planned.total / peakBytes).toBeGreaterThan(0.95);
  expect(planned.total / peakBytes).toBeLessThan(1.05);
});
