import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GEMMA2_2B,
  type GemmaClassifier,
  type LoadGemmaOptions,
  loadGemma,
  trainableParameters,
  writeRandomCheckpoint,
} from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import {
  latestCheckpoint,
  loadCheckpoint,
  type MicroBatch,
  restoreProgress,
  saveCheckpoint,
  scheduleFactor,
  type TrainOptions,
  totalSteps,
  train,
  warmupSteps,
} from '@arena/trainer';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

let base: string;
const scratch = () => mkdtemp(join(tmpdir(), 'arena-trainer-'));

beforeAll(async () => {
  await openEngine('cpu');
  base = await scratch();
  const shape = { vocabSize: 40, hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2, numAttentionHeads: 2 };
  const heads = {
    numKeyValueHeads: 1,
    headDim: 8,
    queryPreAttnScalar: 8,
    slidingLayers: [true, false],
    dtype: 'float32' as const,
  };
  await writeRandomCheckpoint(base, { ...GEMMA2_2B, ...shape, ...heads });
});

const LORA: LoadGemmaOptions = {
  quantization: {},
  lora: {
    config: loraConfig({ r: 2, lora_alpha: 4, lora_dropout: 0.1, target_modules: ['q_proj', 'down_proj'] }),
    seed: 1,
  },
};

/** Micro-batches of two sequences; the label is whether the last token is odd. */
function batches(epoch: number, count = 5): MicroBatch[] {
  return Array.from({ length: count }, (_, i) => {
    const ids = Int32Array.from({ length: 9 }, (_, t) => 3 + ((t * 7 + i * 11 + epoch * 5) % 36));
    return { ids, offsets: Int32Array.of(0, 4, 9), labels: [ids[3] & 1, ids[8] & 1] };
  });
}

function optionsFor(model: GemmaClassifier): TrainOptions {
  return { model, batches, learningRate: 1e-2, epochs: 2, accumulation: 2, warmup: 1, weightDecay: 0.01, seed: 3 };
}

async function weightsOf(model: GemmaClassifier) {
  return Promise.all(trainableParameters(model).map(async ({ value }) => [...(await value.data())]));
}

describe('train', () => {
  test('runs as many steps as HF would, with its rates, and clears up', async () => {
    const model = await loadGemma(base, LORA);
    const before = memory().numTensors;
    const result = await train(optionsFor(model));
    expect(result.steps).toBe(6); // 5 micro-batches in groups of 2, 2 and 1, twice
    expect(result.log.map((entry) => entry.learning_rate)).toEqual([0, 1, 0.8, 0.6, 0.4, 0.2].map((f) => 1e-2 * f));
    expect(result.log.map((entry) => entry.epoch)).toEqual([0.4, 0.8, 1, 1.4, 1.8, 2]);
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });

  test('equal seeds give equal bits, other seeds other dropout', async () => {
    const run = async (seed: number) => {
      const model = await loadGemma(base, LORA);
      await train({ ...optionsFor(model), seed });
      const weights = await weightsOf(model);
      await model.dispose();
      return weights;
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect(await run(4)).not.toEqual(first);
  });

  test.each([1, 3, 4])('resumed from the checkpoint of step %i it gives the bits of the whole run', async (step) => {
    const whole = await loadGemma(base, LORA);
    const want = await train(optionsFor(whole));
    const directory = await scratch();
    const first = await loadGemma(base, LORA);
    const abort = new AbortController();
    const interrupted = train({
      ...optionsFor(first),
      signal: abort.signal,
      onStep: (entry) => {
        if (entry.step === step) abort.abort(new Error('stop here'));
      },
      onInterrupt: async (progress) => {
        await saveCheckpoint(directory, first, progress, { totalSteps: 6, epochs: 2, batchSize: 2 });
      },
    });
    await expect(interrupted).rejects.toThrow('stop here');
    expect(await readdir(directory)).toEqual([`checkpoint-${step}`]);
    const checkpoint = await loadCheckpoint((await latestCheckpoint(directory))!);
    const second = await loadGemma(base, { quantization: {}, adapter: checkpoint.adapter });
    const resumed = await train({ ...optionsFor(second), resume: restoreProgress(checkpoint, second) });
    expect(resumed.log).toEqual(want.log);
    expect(await weightsOf(second)).toEqual(await weightsOf(whole));
    for (const model of [whole, first, second]) await model.dispose();
  });

  test('a loss that is no number ends the run and names the micro-batch', async () => {
    const model = await loadGemma(base, LORA);
    const broken: TrainOptions = {
      ...optionsFor(model),
      batches: (epoch) => batches(epoch).map((batch, i) => (i === 3 ? { ...batch, labels: [Number.NaN, 0] } : batch)),
    };
    const { meanSquaredError } = await import('@arena/gemma');
    const regression = await loadGemma(base, { ...LORA, numLabels: 1 });
    await expect(train({ ...broken, model: regression, loss: meanSquaredError })).rejects.toThrow(
      'step 2, micro-batch 2 of 2: the loss is NaN',
    );
    await regression.dispose();
    await model.dispose();
  });

  test('refuses an empty epoch', async () => {
    const model = await loadGemma(base, LORA);
    await expect(train({ ...optionsFor(model), batches: () => [] })).rejects.toThrow('not one batch');
    await model.dispose();
  });

  test('learns: the loss of a small set falls', async () => {
    const model = await loadGemma(base, LORA);
    const { log } = await train({ ...optionsFor(model), batches: () => batches(0), epochs: 20, learningRate: 3e-2 });
    const mean = (entries: typeof log) => entries.reduce((sum, { loss }) => sum + loss, 0) / entries.length;
    expect(mean(log.slice(-6))).toBeLessThan(0.5 * mean(log.slice(0, 6)));
    await model.dispose();
  });
});

describe('checkpoints', () => {
  test('only whole folders count, the newest first', async () => {
    const directory = await scratch();
    expect(await latestCheckpoint(directory)).toBeUndefined();
    const model = await loadGemma(base, LORA);
    await train({
      ...optionsFor(model),
      onStep: async (_entry, progress) => {
        await saveCheckpoint(directory, model, progress, { totalSteps: 6, epochs: 2, batchSize: 2 });
      },
      maxSteps: 2,
    });
    await writeFile(join(directory, 'checkpoint-9.tmp-1'), 'half-written');
    expect(await latestCheckpoint(directory)).toBe(`${directory}/checkpoint-2`);
    await model.dispose();
  });

  test('of another adapter are told apart', async () => {
    const directory = await scratch();
    const model = await loadGemma(base, LORA);
    await train({
      ...optionsFor(model),
      maxSteps: 1,
      onStep: async (_entry, progress) => {
        await saveCheckpoint(directory, model, progress, { totalSteps: 1, epochs: 2, batchSize: 2 });
      },
    });
    const checkpoint = await loadCheckpoint(`${directory}/checkpoint-1`);
    const config = loraConfig({ r: 3, target_modules: ['q_proj', 'down_proj'] });
    const other = await loadGemma(base, { ...LORA, lora: { config, seed: 1 } });
    expect(() => restoreProgress(checkpoint, other)).toThrow(
      "q_proj.lora_A.weight.exp_avg' has shape [2,16], the model wants [3,16]",
    );
    await other.dispose();
    await model.dispose();
  });
});

test('schedules keep to their bounds', () => {
  expect(scheduleFactor('linear', 0, 0, 1)).toBe(1);
  expect(scheduleFactor('linear', 99, 2, 10)).toBe(0);
  expect(warmupSteps(0.03, 100)).toBe(3);
  expect(warmupSteps(7, 100)).toBe(7);
  expect(totalSteps(1, 8, 3)).toBe(3);
});
