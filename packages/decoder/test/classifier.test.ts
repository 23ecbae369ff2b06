import { type Classifier, forward, type Loss, trainable, trainableParameters, trainingPass } from '@arena/decoder';
import { bradleyTerry, crossEntropy, smoothedCrossEntropy } from '@arena/decoder/losses';
import { flattenPadded, forwardTraced, lowestTrainedLayer, pooledRows } from '@arena/decoder/model';
import { type LoadGemmaOptions, loadGemma } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { dispose, memory, tensor2d } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { tinyBatch, tinyCheckpoint } from './tiny.js';

let base: string;

beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyCheckpoint();
});

const UPPER: LoadGemmaOptions = {
  quantization: {},
  lora: {
    config: loraConfig({
      r: 2,
      lora_alpha: 4,
      lora_dropout: 0.1,
      init_lora_weights: false, // B is not zero, so that every gradient counts
      target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      layers_to_transform: [1, 2],
    }),
    seed: 1,
  },
};

async function gradientsOf(model: Classifier, options: Parameters<typeof trainingPass>[3] = {}) {
  const { labels, ...batch } = tinyBatch();
  const { loss, logits } = await trainingPass(model, batch, labels, options);
  const values = new Map<string, number[]>();
  for (const parameter of trainableParameters(model)) {
    if (parameter.gradient) values.set(parameter.name, [...(await parameter.gradient.data())]);
    parameter.gradient?.dispose();
    parameter.gradient = null;
  }
  const result = { loss: (await loss.data())[0], values };
  dispose([loss, logits]);
  return result;
}

const PASS = { lossScale: 1, dropout: { seed: 0, step: 0 } };
const softplus = (z: number) => Math.log1p(Math.exp(z));

function meanCrossEntropy(z: number[], labels: number[], width: number, smoothing: number): number {
  const sums = labels.map((label, i) => {
    const row = z.slice(width * i, width * (i + 1));
    const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
    return row.reduce((sum, value, k) => {
      return sum - ((1 - smoothing) * Number(k === label) + smoothing / width) * (value - total);
    }, 0);
  });
  return sums.reduce((a, b) => a + b, 0) / labels.length;
}

describe('training pass', () => {
  test.each([0, 1, 2])('gives the same gradients when %i layers are recomputed', async (recompute) => {
    const model = await loadGemma(base, UPPER);
    const dropout = { seed: 5, step: 3 };
    const all = await gradientsOf(model, { dropout });
    expect(await gradientsOf(model, { dropout, activations: { recompute } })).toEqual(all);
    await model.dispose();
  });

  test('agrees with finite differences of its own loss, adapter by adapter', async () => {
    const model = await loadGemma(base, UPPER);
    const { values } = await gradientsOf(model);
    const { labels, ...batch } = tinyBatch();
    const lossNow = async () => {
      const logits = await forward(model, batch);
      const { loss, dlogits } = crossEntropy(logits, labels);
      const value = (await loss.data())[0];
      dispose([logits, loss, dlogits]);
      return value;
    };
    for (const parameter of trainableParameters(model)) {
      const original = parameter.value;
      const start = Float32Array.from(await original.data());
      const gradient = values.get(parameter.name)!;
      // Along the gradient the slope is its squared norm.
      const norm = Math.hypot(...gradient);
      const step = 2e-3;
      const at = async (distance: number) => {
        const moved = start.map((value, i) => value + (distance * gradient[i]) / norm);
        parameter.value = tensor2d(moved, original.shape as [number, number]);
        const loss = await lossNow();
        parameter.value.dispose();
        return loss;
      };
      const slope = ((await at(step)) - (await at(-step))) / (2 * step);
      parameter.value = original;
      expect(Math.abs(slope - norm), parameter.name).toBeLessThan(2e-3 + 0.02 * norm);
    }
    await model.dispose();
  });

  test.each<[string, Loss, number, number[], (z: number[], y: number[]) => number]>([
    ['two classes, smoothed', smoothedCrossEntropy(0.1), 2, [0, 1, 1], (z, y) => meanCrossEntropy(z, y, 2, 0.1)],
    ['three classes', crossEntropy, 3, [0, 2, 1], (z, y) => meanCrossEntropy(z, y, 3, 0)],
    ['Bradley-Terry', bradleyTerry, 1, [0.2], ([a, b], [pB]) => pB * softplus(a - b) + (1 - pB) * softplus(b - a)],
  ])('offsets of the logits stand in the loss and its gradients: %s', async (_, loss, numLabels, labels, float64) => {
    const model = await loadGemma(base, { ...UPPER, numLabels });
    const whole = tinyBatch();
    const n = numLabels === 1 ? 2 : 3;
    const batch = { ids: whole.ids.slice(0, whole.offsets[n]), offsets: whole.offsets.slice(0, n + 1) };
    const logitOffsets = Array.from({ length: n * numLabels }, (_, i) => [0.9, -0.9, 0.4, -1.3][i % 4]);
    const lossNow = async () => {
      const logits = await forward(model, batch);
      const z = Array.from(await logits.data(), (value, i) => value + logitOffsets[i]);
      logits.dispose();
      return float64(z, labels);
    };
    const { loss: said, logits } = await trainingPass(model, batch, labels, { loss, logitOffsets });
    expect((await said.data())[0]).toBeCloseTo(await lossNow(), 5);
    dispose([said, logits]);
    for (const parameter of trainableParameters(model)) {
      const original = parameter.value;
      const start = Float32Array.from(await original.data());
      const gradient = Float32Array.from(await parameter.gradient!.data());
      const norm = Math.hypot(...gradient);
      const at = async (distance: number) => {
        const moved = start.map((value, i) => value + (distance * gradient[i]) / norm);
        parameter.value = tensor2d(moved, original.shape as [number, number]);
        const value = await lossNow();
        parameter.value.dispose();
        return value;
      };
      const slope = ((await at(2e-3)) - (await at(-2e-3))) / 4e-3; // along the gradient: its norm
      parameter.value = original;
      expect(Math.abs(slope - norm), parameter.name).toBeLessThan(2e-3 + 0.02 * norm);
      parameter.gradient?.dispose();
      parameter.gradient = null;
    }
    const wrong = { ...batch, labels, logitOffsets: [1] };
    await expect(trainable(model, { loss }).pass(wrong, PASS)).rejects.toThrow(/^1 offsets for logits \[/);
    await model.dispose();
  });

  test('reaches the adapters and the head, and stops at the lowest of them', async () => {
    const model = await loadGemma(base, UPPER);
    expect(lowestTrainedLayer(model)).toBe(1);
    const { values } = await gradientsOf(model);
    expect(values.size).toBe(2 * 7 * 2 + 1);
    expect([...values.values()].every((gradient) => gradient.some((value) => value !== 0))).toBe(true);
    await model.dispose();
  });

  test('adapters in the MLP alone get the gradients that they get beside others', async () => {
    const config = { ...UPPER.lora!.config, target_modules: ['down_proj'] };
    const model = await loadGemma(base, { ...UPPER, lora: { config, seed: 1 } });
    const { values } = await gradientsOf(model);
    expect(values.size).toBe(2 * 2 + 1);
    const whole = await loadGemma(base, { trainAll: true });
    expect((await gradientsOf(whole)).values.size).toBe(3 * 7 + 3 * 4 + 3);
    await model.dispose();
    await whole.dispose();
  });

  test('sums gradients over passes, scaled as asked', async () => {
    const model = await loadGemma(base, { ...UPPER });
    const once = await gradientsOf(model);
    const { labels, ...batch } = tinyBatch();
    for (let i = 0; i < 2; i++) {
      const { loss, logits } = await trainingPass(model, batch, labels, { lossScale: 0.25 });
      dispose([loss, logits]);
    }
    for (const { name, gradient } of trainableParameters(model)) {
      const want = once.values.get(name)!;
      (await gradient!.data()).forEach((value, i) => {
        expect(value).toBeCloseTo(0.5 * want[i], 5);
      });
    }
    await model.dispose();
  });

  test('leaves no tensor behind', async () => {
    const model = await loadGemma(base, UPPER);
    await gradientsOf(model);
    const before = memory().numTensors;
    for (let i = 0; i < 3; i++) await gradientsOf(model, { activations: { recompute: i } });
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });

  test('labels that do not fit leave no tensor behind', async () => {
    const model = await loadGemma(base, UPPER);
    const before = memory().numTensors;
    const { labels: _, ...batch } = tinyBatch();
    await expect(trainingPass(model, batch, [0, 1])).rejects.toThrow('2 labels for 3 sequences');
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });

  test('disposing of a model frees all its tensors', async () => {
    const before = memory().numTensors;
    for (const options of [UPPER, { trainAll: true }, {}]) await (await loadGemma(base, options)).dispose();
    expect(memory().numTensors).toBe(before);
  });
});

describe('forward', () => {
  test('the pruned last layer gives the logits of the whole one', async () => {
    const model = await loadGemma(base, UPPER);
    const { labels: _, ...batch } = tinyBatch();
    const pruned = await forward(model, batch);
    const whole = await forwardTraced(model, batch, () => {});
    const want = await whole.data();
    (await pruned.data()).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i], 5);
    });
    dispose([pruned, whole]);
    await model.dispose();
  });

  test('a sequence scores alike alone and in company', async () => {
    const model = await loadGemma(base, UPPER);
    const { ids, offsets } = tinyBatch();
    const together = await (await forward(model, { ids, offsets })).data();
    for (let i = 0; i < 3; i++) {
      const alone = ids.slice(offsets[i], offsets[i + 1]);
      const logits = await (await forward(model, { ids: alone, offsets: Int32Array.of(0, alone.length) })).data();
      expect(logits[0]).toBeCloseTo(together[2 * i], 5);
      expect(logits[1]).toBeCloseTo(together[2 * i + 1], 5);
    }
    await model.dispose();
  });

  test('refuses ids outside the vocabulary', async () => {
    const model = await loadGemma(base, { scoreSeed: 42 });
    const batch = { ids: Int32Array.of(2, 50), offsets: Int32Array.of(0, 2) };
    await expect(forward(model, batch)).rejects.toThrow('token id 50 is outside the vocabulary of 50');
    await model.dispose();
  });
});

describe('flat batches', () => {
  test('take padding out on both sides, and keep one token of an empty row', () => {
    const ids = [
      [0, 0, 5, 6],
      [7, 8, 0, 0],
      [0, 0, 0, 0],
    ];
    const mask = [
      [0, 0, 1, 1],
      [1, 1, 0, 0],
      [0, 0, 0, 0],
    ];
    const flat = flattenPadded(ids, mask);
    expect([...flat.ids]).toEqual([5, 6, 7, 8, 0]);
    expect([...flat.offsets]).toEqual([0, 2, 4, 5]);
    expect([...flat.columns]).toEqual([2, 3, 0, 1, 0]);
  });

  test('the pooled token is the last that is no pad, else the first', () => {
    const batch = { ids: Int32Array.of(5, 0, 6, 0, 0, 0), offsets: Int32Array.of(0, 4, 6) };
    expect([...pooledRows(batch, 0)]).toEqual([2, 4]);
  });

  test('ids and mask must fit', () => {
    expect(() => flattenPadded([[1, 2]], [[1]])).toThrow('row 0 has 2 ids but 1 mask values');
  });
});
