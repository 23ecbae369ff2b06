/** @file A GGUF base as it is stored beside the same in float32: what is held, logits, gradients, refusals. */
import { fileURLToPath } from 'node:url';
import {
  type Classifier,
  forward,
  type LoadOptions,
  linearBytes,
  planMemory,
  trainableParameters,
  trainingPass,
} from '@arena/decoder';
import { linearsOf, pooledStates } from '@arena/decoder/model';
import { loadGemma, parseGemmaConfig } from '@arena/gemma';
import { ggufConfig, ggufWeights, openGguf } from '@arena/gguf';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { dispose, keep, memory, tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it, test } from 'vitest';
import { tinyBatch } from './tiny.js';

const TINY = fileURLToPath(new URL('../../conformance/fixtures/gguf/gemma3/model.gguf', import.meta.url));
const REAL = process.env.ARENA_GEMMA3_270M ?? '';
/** Without it the tests are left out; CI must have it. */
const present = REAL !== '' || process.env.CI === 'true';

async function open(path: string) {
  const file = await openGguf(path);
  const config = JSON.stringify(ggufConfig(file.metadata, file.tensors));
  return { weights: await ggufWeights(file), config };
}

const LORA = {
  config: loraConfig({ r: 4, lora_alpha: 8, target_modules: ['q_proj', 'v_proj', 'down_proj'] }),
  seed: 5,
};

/** How many linears are held in which way. */
function kinds(model: Classifier): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { weight } of model.layers.flatMap(linearsOf)) {
    const kind = weight.kind === 'blocks' ? weight.type : weight.kind;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function frozenBytes(model: Classifier): number {
  const weights = model.layers.flatMap(linearsOf).map(({ weight }) => weight);
  const tensors = weights.flatMap((weight) =>
    weight.kind === 'float' ? weight.tensor : Object.values(weight.tensors),
  );
  return tensors.reduce((sum, { size }) => sum + 4 * size, 0);
}

async function load(path: string, options: Omit<LoadOptions, 'families'> = {}) {
  const notes: string[] = [];
  const onNote = (note: string) => void notes.push(note);
  const model = await loadGemma(await open(path), { numLabels: 2, lora: LORA, onNote, ...options });
  for (const { lora } of model.layers.flatMap(linearsOf)) {
    if (!lora) continue;
    // B begins at zero, and A would have no gradient
    const { shape, size } = lora.B.value;
    lora.B.value.dispose();
    lora.B.value = keep(
      tensor(
        Float32Array.from({ length: size }, (_, i) => ((i % 7) - 3) / 50),
        shape,
      ),
    );
  }
  return { model, notes };
}

/** Logits, and the gradients of adapters and head. */
async function results(model: Classifier, batch = tinyBatch()) {
  const scored = await forward(model, batch);
  const values = [Float32Array.from(await scored.data())];
  const { loss, logits } = await trainingPass(model, batch, batch.labels);
  dispose([scored, loss, logits]);
  for (const { gradient } of trainableParameters(model)) values.push(Float32Array.from(await gradient!.data()));
  return values;
}

describe.each([1, 2])('a GGUF base on engine wasm, %i threads', (threads) => {
  test('stored blocks give what float32 gives, bit for bit', async () => {
    await openEngine('wasm', { threads });
    const before = memory().numTensors;
    const { model: stored, notes } = await load(TINY);
    const { model: float } = await load(TINY, { quantization: 'none' });
    // attention's v_proj and o_proj are F16 and BF16 in the file, up_proj is F32
    expect(kinds(stored)).toEqual({ Q4_0: 7, Q5_0: 7, float: 21, Q4_1: 7, Q8_0: 7 });
    expect(kinds(float)).toEqual({ float: 49 });
    expect(notes).toEqual([]);
    const [got, want] = [await results(stored), await results(float)];
    expect(got.length).toBe(1 + 2 * 21 + 1);
    expect(want.every((values) => values.some((value) => value !== 0))).toBe(true);
    expect(got).toEqual(want);
    await Promise.all([stored.dispose(), float.dispose()]);
    expect(memory().numTensors).toBe(before);
  });
});

it('becomes NF4 where that is asked for, but for skipped modules', async () => {
  await openEngine('wasm');
  const { model, notes } = await load(TINY, { quantization: { skipModules: ['down_proj'] } });
  expect(kinds(model)).toEqual({ '4bit': 42, float: 7 });
  expect(notes).toEqual([]);
  await model.dispose();
});

it('is widened and said so where the engine has no kernels', async () => {
  await openEngine('cpu');
  const { model, notes } = await load(TINY);
  expect(kinds(model)).toEqual({ float: 49 });
  // a layer's q, k, gate and down: 8192 + 2048 + 8192 + 8192 values
  const size = Math.ceil((7 * 4 * (8192 + 2048 + 8192 + 8192)) / 1e6);
  expect(notes).toEqual([
    `engine cpu has no kernels for blocks of Q4_0, Q4_1, Q5_0, Q8_0: 28 matrices are held in float32, ${size} MB`,
  ]);
  await model.dispose();
});

it.each(['cpu', 'wasm'] as const)("the plan knows the linears' bytes on engine %s", async (engine) => {
  await openEngine(engine);
  for (const quantization of [undefined, 'none'] as const) {
    const { weights, config: text } = await open(TINY);
    const config = parseGemmaConfig(text);
    const bytes = linearBytes(weights, config, quantization);
    await weights.close();
    const { model } = await load(TINY, { quantization });
    expect(bytes).toBe(frozenBytes(model));
    const step = { config, targets: model.lora!.targets, tokens: 10, quantized: false };
    const norms = planMemory({ ...step, linearBytes: 0 }).weights;
    expect(planMemory({ ...step, linearBytes: bytes }).weights).toBe(bytes + norms);
    await model.dispose();
  }
});

describe('refusals', () => {
  it('a damaged matrix, by file and tensor', async () => {
    await openEngine('wasm');
    const before = memory().numTensors;
    const source = await open(TINY);
    const name = 'model.layers.3.mlp.down_proj.weight';
    const damaged = (change: (bytes: Uint8Array) => Uint8Array) => ({
      ...source,
      weights: {
        ...source.weights,
        async *readStored(asked: string) {
          for await (const part of source.weights.readStored(asked)) yield asked === name ? change(part.slice()) : part;
        },
        close: async () => {},
      },
    });
    const infinite = damaged((bytes) => bytes.fill(0x7c, 35, 36));
    await expect(loadGemma(infinite)).rejects.toThrow(
      `model.gguf: '${name}': the scale of the block of Q8_0 from value 32 is not finite: the checkpoint is damaged`,
    );
    await expect(loadGemma(damaged((bytes) => bytes.subarray(34)))).rejects.toThrow(`'${name}': Q8_0 [64,128] takes`);
    await source.weights.close();
    expect(memory().numTensors).toBe(before);
  });

  it('training the weights themselves', async () => {
    await openEngine('wasm');
    await expect(loadGemma(await open(TINY), { trainAll: true })).rejects.toThrow(
      'q_proj is in blocks of Q4_0, only its adapter can be trained',
    );
  });
});

describe.skipIf(!present)('Gemma 3 270M, the file of ARENA_GEMMA3_270M', () => {
  test('stored blocks give the hidden states and gradients of float32', async () => {
    await openEngine('wasm', { threads: 2 });
    const batch = {
      ids: Int32Array.from({ length: 60 }, (_, i) => (i % 30 ? 1000 + ((i * 7919) % 200_000) : 2)),
      offsets: Int32Array.of(0, 30, 60),
      labels: [0, 1],
    };
    const run = async (quantization?: 'none') => {
      const { model, notes } = await load(REAL, { quantization });
      expect(notes).toEqual([]);
      const states = await pooledStates(model, batch);
      const values = [Float32Array.from(await states.data()), ...(await results(model, batch))];
      states.dispose();
      const held = kinds(model);
      await model.dispose();
      return { values, held };
    };
    const stored = await run();
    const float = await run('none');
    expect(float.held).toEqual({ float: 126 });
    expect(Object.keys(stored.held).sort()).toEqual(['Q4_K', 'Q5_0', 'Q6_K', 'Q8_0']);
    expect(stored.values).toEqual(float.values);
  });
});
