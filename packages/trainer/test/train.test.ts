import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Classifier, trainable, trainableParameters } from '@arena/decoder';
import { crossEntropy } from '@arena/decoder/losses';
import { loadGemma } from '@arena/gemma';
import { loadAdapter, loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { loadCheckpoint, loraPlus, saveCheckpoint, type TrainOptions, train } from '@arena/trainer';
import { latestCheckpoint, restoreProgress } from '@arena/trainer/checkpoint';
import { scheduleFactor, totalSteps, warmupSteps } from '@arena/trainer/optimizer';
import { memory, mul, type Scalar } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batches, LORA, optionsFor, tinyBase, weightsOf } from './tiny.js';

let base: string;
const folders: string[] = [];
const scratch = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'arena-trainer-'));
  folders.push(folder);
  return folder;
};
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyBase();
  folders.push(base);
});

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

  test('a sequence of weight 0 beside one of weight 2 is that one alone', async () => {
    const plain = { ...LORA, lora: { ...LORA.lora!, config: { ...LORA.lora!.config, lora_dropout: 0 } } };
    const trained = async (all: TrainOptions['batches']) => {
      const model = await loadGemma(base, plain);
      const { log } = await train({ ...optionsFor(model), batches: all, epochs: 1 });
      const weights = await weightsOf(model);
      await model.dispose();
      return { losses: log.map(({ loss }) => loss), weights };
    };
    const weighed = await trained((epoch) => batches(epoch).map((batch) => ({ ...batch, weights: [2, 0] })));
    const alone = await trained((epoch) =>
      batches(epoch).map(({ ids, labels }) => ({
        ids: ids.slice(0, 4),
        offsets: Int32Array.of(0, 4),
        labels: [labels[0]],
      })),
    );
    weighed.losses.forEach((loss, i) => void expect(loss).toBeCloseTo(alone.losses[i], 5));
    weighed.weights.flat().forEach((value, i) => void expect(value).toBeCloseTo(alone.weights.flat()[i], 4));
    const unweighed = await trained(batches);
    expect(unweighed.losses[0]).not.toBeCloseTo(alone.losses[0], 3);
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
        await saveCheckpoint(directory, trainable(first), progress, { totalSteps: 6, epochs: 2, batchSize: 2 });
      },
    });
    await expect(interrupted).rejects.toThrow('stop here');
    expect(await readdir(directory)).toEqual([`checkpoint-${step}`]);
    const checkpoint = await loadCheckpoint((await latestCheckpoint(directory))!);
    const second = await loadGemma(base, { quantization: {}, adapter: await loadAdapter(checkpoint.place) });
    const resumed = await train({ ...optionsFor(second), resume: restoreProgress(checkpoint, trainable(second)) });
    expect(resumed.log).toEqual(want.log);
    expect(await weightsOf(second)).toEqual(await weightsOf(whole));
    for (const model of [whole, first, second]) await model.dispose();
  });

  test('a loss that is no number ends the run, names the micro-batch and changes no weight', async () => {
    const model = await loadGemma(base, LORA);
    const weights = () => trainableParameters(model).map(({ value }) => Array.from(value.dataSync()));
    let before: number[][] = [];
    const broken: TrainOptions = {
      ...optionsFor(model),
      model: trainable(model, {
        loss: (logits, labels) => {
          const marked = labels[0] === 7;
          if (marked) before = weights();
          const { loss, dlogits } = crossEntropy(logits, marked ? [0, 1] : labels);
          return { loss: marked ? mul<Scalar>(loss, Number.NaN) : loss, dlogits };
        },
      }),
      batches: (epoch) =>
        batches(epoch).map((batch, i) => (i === 3 ? { ...batch, rows: [6, 7], labels: [7, 1] } : batch)),
    };
    await expect(train(broken)).rejects.toThrow('step 2, micro-batch 2 of 2 (rows 6, 7): the loss is NaN');
    expect(before.length).toBeGreaterThan(0);
    expect(weights()).toEqual(before);
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

describe('evaluation', () => {
  /** Accuracies of six evaluations: the third is best. */
  const ACCURACY = [0.5, 0.6, 0.7, 0.65, 0.7, 0.4];
  const evaluated = (model: Classifier, more: Partial<TrainOptions> = {}): TrainOptions => ({
    ...optionsFor(model),
    evaluate: async (step) => ({ loss: 1 / step, accuracy: ACCURACY[step - 1] }),
    evaluateEvery: 1,
    metric: 'accuracy',
    ...more,
  });

  test("examples/node's tracker gets every step and evaluation", async () => {
    const { tracker } = await import(new URL('../../../examples/node/tracker.mjs', import.meta.url).href);
    const logged: [object, number][] = [];
    const run = { log: (values: object, step: number) => void logged.push([values, step]) };
    const model = await loadGemma(base, LORA);
    const evaluations = { evaluate: async () => ({ loss: 0.5, accuracy: 0.75 }), evaluateEvery: 2 };
    const { log } = await train({ ...optionsFor(model), ...evaluations, epochs: 1, ...tracker(run) });
    await model.dispose();
    const [{ loss, grad_norm, learning_rate, epoch }] = log;
    const first = { 'train/loss': loss, 'train/grad_norm': grad_norm, 'train/learning_rate': learning_rate };
    expect(logged[0]).toEqual([{ ...first, 'train/epoch': epoch }, 1]);
    expect(logged[2]).toEqual([{ 'eval/loss': 0.5, 'eval/accuracy': 0.75 }, 2]);
    expect(logged.map(([, step]) => step)).toEqual([1, 2, 2, 3, 3]);
  });

  test('stops for want of improvement and ends with the best weights', async () => {
    const model = await loadGemma(base, LORA);
    const seen: number[] = [];
    const options = evaluated(model, {
      patience: 2,
      restoreBest: true,
      onEvaluate: ({ step }) => void seen.push(step),
    });
    const result = await train(options);
    expect(result).toMatchObject({ steps: 5, stoppedEarly: true, best: { step: 3, metric: 0.7 } });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(result.evaluations[2]).toEqual({ step: 3, epoch: 1, eval_loss: 1 / 3, eval_accuracy: 0.7 });
    const other = await loadGemma(base, LORA);
    let third: number[][] = [];
    const keepThird = async ({ step }: { step: number }) => {
      if (step === 3) third = await weightsOf(other);
    };
    await train({ ...optionsFor(other), onStep: keepThird });
    expect(await weightsOf(model)).toEqual(third);
    await model.dispose();
    await other.dispose();
  });

  test('a resumed run stops where the whole run does, with the same weights', async () => {
    const whole = await loadGemma(base, LORA);
    await train(evaluated(whole, { patience: 2, restoreBest: true }));
    const directory = await scratch();
    const first = await loadGemma(base, LORA);
    const info = { totalSteps: 6, epochs: 2, batchSize: 2 };
    await train(
      evaluated(first, {
        patience: 2,
        restoreBest: true,
        saveEvery: 1,
        onSave: async (progress) => void (await saveCheckpoint(directory, trainable(first), progress, info, 2)),
      }),
    );
    expect((await readdir(directory)).sort()).toEqual(['checkpoint-4', 'checkpoint-5']);
    const checkpoint = await loadCheckpoint(`${directory}/checkpoint-4`);
    expect(checkpoint.best).toEqual({ step: 3, metric: 0.7 });
    const second = await loadGemma(base, { quantization: {}, adapter: await loadAdapter(checkpoint.place) });
    const resume = restoreProgress(checkpoint, trainable(second));
    const result = await train(evaluated(second, { patience: 2, restoreBest: true, resume }));
    expect(result).toMatchObject({ steps: 5, stoppedEarly: true });
    expect(await weightsOf(second)).toEqual(await weightsOf(whole));
    for (const model of [whole, first, second]) await model.dispose();
  });

  test('says which figures there are when the metric is not one of them', async () => {
    const model = await loadGemma(base, LORA);
    await expect(train(evaluated(model, { metric: 'auc' }))).rejects.toThrow(
      "step 1: the evaluation gave loss,accuracy; 'auc' is undefined",
    );
    await model.dispose();
  });
});

describe('loraPlus', () => {
  test('gives B and the head rates of their own', async () => {
    const run = async (rateFactor?: (name: string) => number) => {
      const model = await loadGemma(base, LORA);
      await train({ ...optionsFor(model), warmup: 0, maxSteps: 1, weightDecay: 0, rateFactor });
      const weights = await weightsOf(model);
      const names = trainableParameters(model).map(({ name }) => name);
      await model.dispose();
      return { weights, names };
    };
    const start = await loadGemma(base, LORA);
    const before = await weightsOf(start);
    await start.dispose();
    const plain = await run();
    const plus = await run(loraPlus(16, 0.5));
    plain.names.forEach((name, i) => {
      const factor = name.includes('lora_B') ? 16 : name.includes('score') ? 0.5 : 1;
      plain.weights[i].forEach((value, j) => {
        expect(plus.weights[i][j] - before[i][j]).toBeCloseTo(factor * (value - before[i][j]), 5);
      });
    });
  });
});

describe('checkpoints', () => {
  test('are due after steps, and after seconds, whichever comes first', async () => {
    const savedAt = async (saving: { saveEvery?: number; saveSeconds?: number }) => {
      const model = await loadGemma(base, LORA);
      const steps: number[] = [];
      await train({ ...optionsFor(model), maxSteps: 4, ...saving, onSave: ({ step }) => void steps.push(step) });
      await model.dispose();
      return steps;
    };
    expect(await savedAt({ saveEvery: 2, saveSeconds: 1e9 })).toEqual([2, 4]);
    expect(await savedAt({ saveSeconds: 0 })).toEqual([1, 2, 3, 4]);
    expect(await savedAt({ saveEvery: 3, saveSeconds: 0 })).toEqual([1, 2, 3, 4]); // once a step
    expect(await savedAt({})).toEqual([]);
  });

  test('an edited file is named', async () => {
    const directory = await scratch();
    const model = await loadGemma(base, LORA);
    const info = { totalSteps: 6, epochs: 2, batchSize: 2, settings: { note: 'kept' } };
    await train({
      ...optionsFor(model),
      maxSteps: 1,
      saveEvery: 1,
      onSave: async (progress) => void (await saveCheckpoint(directory, trainable(model), progress, info)),
    });
    const folder = `${directory}/checkpoint-1`;
    expect((await loadCheckpoint(folder)).settings).toEqual({ note: 'kept' });
    const bytes = await readFile(`${folder}/optimizer.safetensors`);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(`${folder}/optimizer.safetensors`, bytes);
    await expect(loadCheckpoint(folder)).rejects.toThrow(/optimizer\.safetensors: has SHA-256 .* as it was saved/);
    await rm(`${folder}/README.md`);
    await expect(loadCheckpoint(folder)).rejects.toThrow(/: (is missing|has SHA-256)/);
    await model.dispose();
  });

  test('only whole folders count, the newest first', async () => {
    const directory = await scratch();
    expect(await latestCheckpoint(directory)).toBeUndefined();
    const model = await loadGemma(base, LORA);
    const killed = () => writeFile(join(directory, `checkpoint-9.tmp-${crypto.randomUUID()}`), 'half-written');
    await killed();
    await train({
      ...optionsFor(model),
      onStep: async (_entry, progress) => {
        await saveCheckpoint(directory, trainable(model), progress, { totalSteps: 6, epochs: 2, batchSize: 2 });
      },
      maxSteps: 2,
    });
    expect((await readdir(directory)).sort()).toEqual(['checkpoint-1', 'checkpoint-2']); // what was left is gone
    await killed();
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
        await saveCheckpoint(directory, trainable(model), progress, { totalSteps: 1, epochs: 2, batchSize: 2 });
      },
    });
    const checkpoint = await loadCheckpoint(`${directory}/checkpoint-1`);
    const config = loraConfig({ r: 3, target_modules: ['q_proj', 'down_proj'] });
    const other = await loadGemma(base, { ...LORA, lora: { config, seed: 1 } });
    expect(() => restoreProgress(checkpoint, trainable(other))).toThrow(
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
