/** @file A thousand steps on engine `wasm` take no more tensors and no more memory than ten, and give equal bits when repeated. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainable, trainableParameters } from '@arena/decoder';
import { GEMMA2_2B, loadGemma } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { wasmBackend } from '@arena/runtime/wasm';
import { train } from '@arena/trainer';
import { engine, memory } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';

const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

async function run(steps: number) {
  const opened = await openEngine('wasm', { threads: 2 });
  const base = await mkdtemp(join(tmpdir(), 'arena-thousand-'));
  const shape = {
    vocab_size: 64,
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
  };
  const heads = {
    num_key_value_heads: 1,
    head_dim: 16,
    query_pre_attn_scalar: 16,
    torch_dtype: 'float32',
  };
  await writeRandomCheckpoint(base, { ...GEMMA2_2B, ...shape, ...heads });
  const lora = { config: loraConfig({ r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: ALL }), seed: 1 };
  const model = await loadGemma(base, { quantization: {}, lora });
  // Lengths change from batch to batch, so that memory is asked for in changing sizes.
  const batches = (epoch: number) =>
    Array.from({ length: 10 }, (_, i) => {
      const length = 5 + ((i * 7 + epoch) % 13);
      const ids = Int32Array.from({ length: 2 * length }, (_, t) => 3 + ((t * 5 + i) % 60));
      return { ids, offsets: Int32Array.of(0, length, 2 * length), labels: [i & 1, 1] };
    });
  const { heap } = wasmBackend(engine().backend);
  const seen: { tensors: number; bytes: number; peak: number }[] = [];
  await train({
    model: trainable(model),
    batches,
    epochs: steps / 10,
    learningRate: 1e-3,
    onStep: () => {
      seen.push({ tensors: memory().numTensors, bytes: heap.bytesInUse, peak: heap.peakBytes });
    },
  });
  const weights = await Promise.all(trainableParameters(model).map(async ({ value }) => [...(await value.data())]));
  await model.dispose();
  opened.dispose();
  return { seen, weights };
}

test('memory and tensors stay where they are', { timeout: 180_000 }, async () => {
  const { seen } = await run(1000);
  expect(seen).toHaveLength(1000);
  const settled = seen.slice(200);
  expect(new Set(settled.map(({ tensors }) => tensors)).size).toBe(1);
  expect(new Set(settled.map(({ bytes }) => bytes)).size).toBe(1);
  expect(seen.at(-1)!.peak).toBe(seen[200].peak);
});

test('equal seeds and threads give equal bits', { timeout: 60_000 }, async () => {
  expect((await run(50)).weights).toEqual((await run(50)).weights);
});
