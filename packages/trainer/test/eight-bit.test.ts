import { rm } from 'node:fs/promises';
import { type Classifier, trainable } from '@arena/decoder';
import { bytesFolder } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { loadAdapter, loraConfig } from '@arena/lora';
import { DYNAMIC_MAP } from '@arena/quant/state';
import { Mt19937, normal } from '@arena/random';
import { openEngine, type Parameter } from '@arena/runtime';
import { type AdamWOptions, adamW, loadCheckpoint, type TrainOptions, train } from '@arena/trainer';
import { checkpointFiles, hfCheckpointFiles, restoreProgress } from '@arena/trainer/checkpoint';
import type { AdamWState, EightBitMoments } from '@arena/trainer/optimizer';
import { localCommunicators } from '@arena/trainer/ranks';
import { keep, tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { optionsFor, tinyBase, weightsOf } from './tiny.js';

let base: string;
beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyBase();
});
afterAll(() => rm(base, { recursive: true }));

const draws = (seed: number, count: number, std = 1) => normal(new Mt19937(seed), count, 0, std);
const parameterOf = (name: string, values: Float32Array): Parameter => ({
  name,
  value: keep(tensor(values)),
  gradient: null,
});
const valuesOf = async ({ value }: Parameter) => Float32Array.from(await value.data());

/** The unsigned map in float64: decade i has 2^(i + 1) values, the middles of equal parts of [0.1, 1] times 10^(i - 6). */
const UNSIGNED = [0, 1];
for (let i = 0; i < 7; i++) {
  const part = 0.9 / 2 ** (i + 1);
  for (let k = 0; k < 2 ** (i + 1); k++) UNSIGNED.push((0.1 + part * (k + 0.5)) * 10 ** (i - 6));
}
UNSIGNED.sort((a, b) => a - b);

/** AdamW8bit in float64, block by block, the nearest code found by looking at all of them. */
function reference(start: Float32Array, gradients: Float32Array[], lr: number, wd: number) {
  const p = Float64Array.from(start);
  const m = new Float64Array(p.length);
  const v = new Float64Array(p.length);
  const toMap = (map: ArrayLike<number>, x: number) => {
    let best = 0;
    for (let k = 1; k < map.length; k++) if (Math.abs(map[k] - x) < Math.abs(map[best] - x)) best = k;
    if (map === DYNAMIC_MAP && x < 0 && map[best] === 0) best--; // m keeps its sign
    return map[best];
  };
  for (const [t, gradient] of gradients.entries()) {
    const [c1, c2] = [1 - 0.9 ** (t + 1), Math.sqrt(1 - 0.999 ** (t + 1))];
    for (let i = 0; i < p.length; i++) {
      m[i] = 0.9 * m[i] + 0.1 * gradient[i];
      v[i] = 0.999 * v[i] + 0.001 * gradient[i] ** 2;
      p[i] = p[i] * (1 - lr * wd) - ((lr * c2) / c1) * (m[i] / (Math.sqrt(v[i]) + 1e-8 * c2));
    }
    for (let from = 0; from < p.length; from += 256) {
      const to = Math.min(from + 256, p.length);
      const [most1, most2] = [m, v].map((s) => Math.max(...s.subarray(from, to).map(Math.abs)));
      for (let i = from; i < to; i++) {
        m[i] = most1 && toMap(DYNAMIC_MAP, m[i] / most1) * most1;
        v[i] = most2 && toMap(UNSIGNED, v[i] / most2) * most2;
      }
    }
  }
  return { p, m, v };
}

async function stepAll(parameter: Parameter, gradients: Float32Array[], options: AdamWOptions) {
  const optimizer = adamW([parameter], { maxGradNorm: 0, ...options });
  for (const gradient of gradients) {
    parameter.gradient = keep(tensor(gradient));
    await optimizer.step(1e-2);
  }
  return optimizer;
}

describe('a step', () => {
  test('is that of the algorithm in float64, a last block of part size and a block of zeros included', async () => {
    const size = 4096 + 256 + 100;
    const start = draws(1, size);
    // rows of very different size, so that all decades of the maps are used; block 3 has no gradient at all
    const gradients = [2, 3, 4, 5, 6].map((seed) =>
      draws(seed, size).map((g, i) => (i >> 8 === 3 ? 0 : g * 10 ** -((i % 13) / 2))),
    );
    const want = reference(start, gradients, 1e-2, 0.1);
    const parameter = parameterOf('layer.weight', start);
    const optimizer = await stepAll(parameter, gradients, { eightBit: true, weightDecay: 0.1 });
    const { state1, state2, absmax1, absmax2 } = optimizer.state.moments[0] as EightBitMoments;
    expect([state1.length, state2.length, absmax1.length, absmax2.length]).toEqual([size, size, 18, 18]);
    const got = await valuesOf(parameter);
    let differing = 0;
    for (let i = 0; i < size; i++) {
      const m = DYNAMIC_MAP[state1[i]] * absmax1[i >> 8];
      const v = UNSIGNED[state2[i]] * absmax2[i >> 8];
      const close = (a: number, b: number) => Math.abs(a - b) <= 1e-5 * Math.abs(b) + 1e-30;
      // a moment halfway between two codes may be rounded the other way; its parameter then goes on a little otherwise
      if (close(m, want.m[i]) && close(v, want.v[i]) && Math.abs(got[i] - want.p[i]) < 2e-6) continue;
      differing++;
      expect(Math.abs(got[i] - want.p[i])).toBeLessThan(5e-3);
    }
    expect(differing).toBeLessThan(size / 500);
  });

  test('of a tensor of fewer than 4,096 values is that in float32, bit for bit', async () => {
    const gradients = [2, 3, 4].map((seed) => draws(seed, 4095));
    const one = parameterOf('x', draws(1, 4095));
    const other = parameterOf('x', draws(1, 4095));
    const optimizer = await stepAll(one, gradients, { eightBit: true });
    await stepAll(other, gradients, {});
    expect(optimizer.state.moments[0]).toHaveProperty('expAvg');
    expect(await valuesOf(one)).toEqual(await valuesOf(other));
  });

  test('a state of the other kind is refused', async () => {
    const parameter = parameterOf('x', draws(1, 4096));
    const { state } = adamW([parameter], { eightBit: true });
    expect(() => adamW([parameter], {}, state)).toThrow("state of 'x' is 8-bit, this run wants float32");
  });
});

test.each([false, true])('a state of other parameters is refused (8 bits: %s)', (eightBit) => {
  const parameters = ['x', 'y'].map((name) => parameterOf(name, draws(1, 4096)));
  const [x, y] = parameters;
  const long = parameterOf('long', draws(1, 4097));
  const stateOf = (...of: Parameter[]) => adamW(of, { eightBit }).state;
  const using = (state: AdamWState) => () => adamW(parameters, { eightBit }, state);
  expect(using(stateOf(x))).toThrow("the optimizer's state is of 1 parameter, there are 2");
  expect(using(stateOf(x, y, long))).toThrow("the optimizer's state is of 3 parameters, there are 2");
  expect(using(stateOf(x, long))).toThrow("the optimizer's state of 'y' is of shape [4097], the parameter of [4096]");
  expect(using(stateOf(x, y))).not.toThrow();
});

test('trains as well as float32 moments: noisy least squares', async () => {
  const size = 8192;
  const target = draws(7, size);
  const lossAfter = async (eightBit: boolean) => {
    const parameter = parameterOf('w', new Float32Array(size));
    const optimizer = adamW([parameter], { eightBit });
    for (let step = 0; step < 300; step++) {
      const now = await valuesOf(parameter);
      const noise = draws(100 + step, size, 0.3);
      parameter.gradient = keep(tensor(now.map((value, i) => value - target[i] + noise[i])));
      await optimizer.step(2e-2 * (1 - step / 300));
    }
    const end = await valuesOf(parameter);
    return end.reduce((sum, value, i) => sum + (value - target[i]) ** 2, 0) / size;
  };
  const [float, eight] = [await lossAfter(false), await lossAfter(true)];
  expect(float).toBeLessThan(0.01); // from 1
  expect(eight).toBeLessThan(1.2 * float); // what is left is noise: 0.0019 beside 0.0018
});

describe('a run', () => {
  // 256 x 16: adapters of 4,096 values; the head stays in float32
  const lora = { config: loraConfig({ r: 256, lora_alpha: 32, target_modules: ['q_proj'] }), seed: 1 };
  const load = () => loadGemma(base, { quantization: {}, lora });
  const options = (model: Classifier): TrainOptions => ({ ...optionsFor(model), eightBit: true });
  let files: Record<string, Uint8Array>;
  let whole: { weights: number[][]; log: unknown };

  beforeAll(async () => {
    const model = await load();
    const { log } = await train({
      ...options(model),
      saveEvery: 3,
      onSave: async (progress) => {
        if (progress.step > 3) return;
        files = await checkpointFiles(trainable(model), progress, { totalSteps: 6, epochs: 2, batchSize: 2 });
      },
    });
    whole = { weights: await weightsOf(model), log };
    await model.dispose();
  });

  test('resumed from its checkpoint gives the bits of the whole run, alone or on two ranks', async () => {
    const checkpoint = await loadCheckpoint(bytesFolder(files));
    const adapter = await loadAdapter(bytesFolder(files));
    const names = [...checkpoint.optimizer.moments.keys()].map((name) => name.split('.').at(-1));
    expect(new Set(names)).toEqual(new Set(['state1', 'state2', 'absmax1', 'absmax2', 'exp_avg', 'exp_avg_sq']));
    for (const communicators of [[undefined], localCommunicators(2)]) {
      const models = await Promise.all(communicators.map(() => loadGemma(base, { quantization: {}, adapter })));
      const results = await Promise.all(
        communicators.map((communicator, i) =>
          train({
            ...options(models[i]),
            communicator,
            resume: i === 0 ? restoreProgress(checkpoint, trainable(models[i])) : undefined,
          }),
        ),
      );
      for (const [i, model] of models.entries()) {
        expect(results[i].log).toEqual(whole.log);
        expect(await weightsOf(model)).toEqual(whole.weights);
        await model.dispose();
      }
    }
  });

  test('has no optimizer.pt', async () => {
    const settings = { learningRate: 1, weightDecay: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    await expect(hfCheckpointFiles(bytesFolder(files), settings, 1)).rejects.toThrow('keeps 8-bit states');
  });
});
