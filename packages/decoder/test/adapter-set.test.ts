import { type Classifier, forward, readAdapter, trainingPass } from '@arena/decoder';
import { linearModules } from '@arena/decoder/family';
import { adapterSet } from '@arena/decoder/model';
import { loadGemma } from '@arena/gemma';
import { type AdapterFiles, combineAdapters, initAdapter, loraConfig } from '@arena/lora';
import { initScore, resolveTargets } from '@arena/lora/names';
import { openEngine } from '@arena/runtime';
import { dispose, memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { TINY, TINY_CONFIG, tinyBatch, tinyCheckpoint } from './tiny.js';

let base: string;
beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyCheckpoint();
});

/** An adapter whose B is not zero. */
function adapterOf(seed: number, target_modules: string[], head = true): AdapterFiles {
  const config = loraConfig({ r: 2, lora_alpha: 4 * seed, init_lora_weights: false, target_modules });
  const targets = resolveTargets(config, linearModules(TINY_CONFIG));
  const weights = new Map([...initAdapter(config, targets, seed)].map(([path, pair]) => [path, { ...pair, r: 2 }]));
  const score = { values: initScore(2, TINY.hidden_size, seed), shape: [2, TINY.hidden_size] as [number, number] };
  return { config, weights, ...(head && { score }) };
}

async function logitsOf(model: Classifier): Promise<number[]> {
  const { labels: _, ...batch } = tinyBatch();
  const logits = await forward(model, batch);
  const values = [...(await logits.data())];
  logits.dispose();
  return values;
}

/** Logits of the base loaded with an adapter alone. */
async function alone(adapter?: AdapterFiles): Promise<number[]> {
  const model = await loadGemma(base, { adapter, scoreSeed: 42 });
  const values = await logitsOf(model);
  await model.dispose();
  return values;
}

test('switching gives the logits of a model that was loaded with the adapter', async () => {
  const [first, second] = [adapterOf(1, ['q_proj']), adapterOf(2, ['up_proj', 'v_proj'])];
  const before = memory().numTensors;
  const model = await loadGemma(base, { adapter: first });
  const set = adapterSet(model);
  set.add('second', second);
  expect([set.active, set.names()]).toEqual(['default', ['default', 'second']]);
  const want = [await alone(first), await alone(second)];
  expect(await logitsOf(model)).toEqual(want[0]);
  set.use('second');
  expect(await logitsOf(model)).toEqual(want[1]);
  expect((await readAdapter(model)).weights).toEqual(second.weights);
  set.use('default');
  expect(await logitsOf(model)).toEqual(want[0]);
  set.use('second');
  set.remove('default');
  set.dispose();
  await model.dispose();
  expect(memory().numTensors).toBe(before);
});

test('without an adapter it is the base with its own head, and what was trained stays trained', async () => {
  const before = memory().numTensors;
  const model = await loadGemma(base, { scoreSeed: 42 });
  const set = adapterSet(model);
  set.add('one', adapterOf(1, ['q_proj'], false));
  set.use('one');
  const { labels, ...batch } = tinyBatch();
  const { loss, logits } = await trainingPass(model, batch, labels);
  dispose([loss, logits]);
  expect(model.layers[0].attention.q_proj.lora!.B.gradient).not.toBeNull();
  set.use(null);
  expect(model.lora).toBeUndefined();
  expect(await logitsOf(model)).toEqual(await alone());
  expect(() => set.add('one', adapterOf(1, ['q_proj']))).toThrow("an adapter 'one' already");
  expect(() => set.use('two')).toThrow("no adapter 'two': there are one");
  const wide = {
    ...adapterOf(1, ['q_proj']),
    score: { values: new Float32Array(72), shape: [3, 24] as [number, number] },
  };
  expect(() => set.add('wide', wide)).toThrow('score head is [3,24]');
  set.dispose();
  await model.dispose();
  expect(memory().numTensors).toBe(before);
});

test('a weighted merge computes the weighted sum of the changes (cat)', async () => {
  const [first, second] = [adapterOf(1, ['q_proj']), adapterOf(2, ['q_proj', 'down_proj'])];
  const merged = combineAdapters([first, second], { weights: [1, 0], type: 'cat', scoreFrom: 0 });
  const got = await alone(merged);
  (await alone(first)).forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, 5);
  });
});
