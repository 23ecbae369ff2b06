/** @file Merging and quantising from memory to memory, as a page does it: no file system is asked for. */
import { fileURLToPath } from 'node:url';
import { forward, readAdapter } from '@arena/decoder';
import type { CheckpointView } from '@arena/decoder/checkpoint';
import { bytesFolder, type Location } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import { GEMMA2_2B, type LoadGemmaOptions, loadGemma, readConfig } from '@arena/gemma';
import { mergedCheckpoint, quantizedCheckpoint, randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { ggufConfig, ggufWeights, openGguf } from '@arena/gguf';
import { loadAdapter, loraConfig } from '@arena/lora';
import { adapterFolder } from '@arena/lora/names';
import { openEngine } from '@arena/runtime';
import { writeCheckpoint } from '@arena/safetensors';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { tinyBatch } from './tiny.js';

const CONFIG = {
  ...GEMMA2_2B,
  ...{ vocab_size: 50, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 2, head_dim: 16 },
  torch_dtype: 'float32',
};
const files = { ...randomCheckpointFiles(CONFIG, { seed: 3 }), 'tokenizer.json': new TextEncoder().encode('{"x":1}') };
const base = bytesFolder(files);
let adapter: Record<string, Uint8Array>;

beforeAll(async () => {
  await openEngine('cpu');
  const config = loraConfig({ r: 2, target_modules: ['q_proj', 'up_proj'], init_lora_weights: false });
  const model = await loadGemma(base, { lora: { config, seed: 5 }, numLabels: 3 });
  adapter = adapterFolder(await readAdapter(model));
  await model.dispose();
});

beforeEach(() => {
  vi.spyOn(process, 'getBuiltinModule').mockImplementation((name: string) => {
    throw new Error(`${name} was asked for`);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function written({ weights, config }: CheckpointView): Promise<Record<string, Uint8Array>> {
  const target = bytesTarget();
  await writeCheckpoint(target, weights, { config, copied: { from: base, files: ['tokenizer.json'] } });
  await weights.close();
  return target.files;
}

async function logitsOf(from: Location | CheckpointView, options: LoadGemmaOptions = {}): Promise<Float32Array> {
  const model = await loadGemma(from, options);
  const { labels: _, ...batch } = tinyBatch();
  const logits = await forward(model, batch);
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  await model.dispose();
  return values;
}

const distance = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));

test('a merged checkpoint gives what base and adapter give', async () => {
  const out = await written(await mergedCheckpoint(base, bytesFolder(adapter)));
  expect(Object.keys(out)).toEqual(['model.safetensors', 'config.json', 'tokenizer.json']);
  expect((await readConfig(bytesFolder(out))).numLabels).toBe(3);
  expect(out['tokenizer.json']).toEqual(files['tokenizer.json']);
  const want = await logitsOf(base, { adapter: await loadAdapter(bytesFolder(adapter)), numLabels: 3 });
  expect(want).toHaveLength(9);
  const logits = await logitsOf(bytesFolder(out));
  expect(distance(logits, want)).toBeLessThan(1e-5);
  expect(await logitsOf(await mergedCheckpoint(base, bytesFolder(adapter)))).toEqual(logits); // the view itself
});

test('a 4-bit checkpoint is the model that is quantised when it is loaded, and an adapter merges into it', async () => {
  for (const type of ['nf4', 'fp4'] as const) {
    const out = await written(await quantizedCheckpoint(base, { type }));
    expect(out['model.safetensors'].length).toBeLessThan(files['model.safetensors'].length / 2);
    const want = await logitsOf(base, { quantization: { type }, scoreSeed: 1 });
    expect(await logitsOf(bytesFolder(out), { scoreSeed: 1 })).toEqual(want);
    const merged = await mergedCheckpoint(bytesFolder(out), bytesFolder(adapter));
    expect(merged.weights.requantized).toHaveLength(4);
    const logits = await logitsOf(bytesFolder(await written(merged)));
    expect(logits.every((value) => Number.isFinite(value))).toBe(true);
    await expect(quantizedCheckpoint(bytesFolder(out))).rejects.toThrow('is quantised already');
  }
});

describe('a GGUF base', () => {
  const GGUF = fileURLToPath(new URL('../../conformance/fixtures/gguf/gemma3/model.gguf', import.meta.url));
  const open = async (): Promise<CheckpointView> => {
    const file = await openGguf(GGUF);
    const config = JSON.stringify(ggufConfig(file.metadata, file.tensors));
    return { weights: await ggufWeights(file), config };
  };

  // this base is on disk
  beforeEach(() => void vi.restoreAllMocks());

  test('merged: blocks become float32, what is a float stays as it is', async () => {
    const config = loraConfig({ r: 2, target_modules: ['q_proj', 'up_proj'], init_lora_weights: false });
    const model = await loadGemma(await open(), { lora: { config, seed: 5 }, numLabels: 3 });
    const files = bytesFolder(adapterFolder(await readAdapter(model)));
    await model.dispose();
    const view = await mergedCheckpoint(await open(), files);
    const types = Object.fromEntries([...view.weights.tensors].map(([name, { stored }]) => [name, stored]));
    expect(types).toMatchObject({
      'model.embed_tokens.weight': 'F32',
      'model.layers.0.self_attn.q_proj.weight': 'F32',
      'model.layers.0.self_attn.o_proj.weight': 'BF16',
      'model.layers.0.mlp.down_proj.weight': 'F32',
    });
    const out = await written(view);
    const want = await logitsOf(await open(), { adapter: await loadAdapter(files), numLabels: 3 });
    expect(distance(await logitsOf(bytesFolder(out)), want)).toBeLessThan(1e-5);
  });

  test('in 4 bits: the model that is quantised when it is loaded', async () => {
    const out = await written(await quantizedCheckpoint(await open()));
    const want = await logitsOf(await open(), { quantization: {}, scoreSeed: 1 });
    expect(await logitsOf(bytesFolder(out), { scoreSeed: 1 })).toEqual(want);
  });
});

test('transformers takes no whole number for a float: caps and thresholds keep their point', async () => {
  const caps = { ...CONFIG, attn_logit_softcapping: 50, final_logit_softcapping: 30 };
  const whole = randomCheckpointFiles(caps, { seed: 3 });
  const text = JSON.stringify(caps); // as JavaScript writes it: 50, not 50.0
  const view = await quantizedCheckpoint(bytesFolder({ ...whole, 'config.json': new TextEncoder().encode(text) }));
  await view.weights.close();
  expect(view.config).toContain('"attn_logit_softcapping": 50.0,');
  expect(view.config).toContain('"final_logit_softcapping": 30.0,');
  expect(view.config).toContain('"llm_int8_threshold": 6.0,');
});

test('names an adapter of another base', async () => {
  const other = bytesFolder(randomCheckpointFiles({ ...CONFIG, hidden_size: 32 }));
  await expect(mergedCheckpoint(other, bytesFolder(adapter))).rejects.toThrow('the adapter belongs to another base');
});
