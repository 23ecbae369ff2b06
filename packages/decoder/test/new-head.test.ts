/** @file No random head outside training, and checkpoints whose tensors have other names. */
import { forward, scoreSequences, trainable, trainingPass } from '@arena/decoder';
import { linearModules } from '@arena/decoder/family';
import { tokenLogits } from '@arena/decoder/model';
import { bytesFolder, bytesSource } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { type AdapterFiles, initAdapter, loraConfig } from '@arena/lora';
import { initScore, resolveTargets } from '@arena/lora/names';
import { openEngine } from '@arena/runtime';
import { openSafetensors, type SafeTensor, serialize } from '@arena/safetensors';
import { beforeAll, expect, test } from 'vitest';
import { TINY, TINY_CONFIG, tinyBatch } from './tiny.js';

beforeAll(async () => {
  await openEngine('cpu');
});

const files = randomCheckpointFiles(TINY, { seed: 3 }); // no head in it
const headless = bytesFolder(files);
const batch = tinyBatch();
const config = loraConfig({ r: 2, target_modules: ['q_proj'] });
const targets = resolveTargets(config, linearModules(TINY_CONFIG));
const adapter: AdapterFiles = {
  config,
  weights: new Map([...initAdapter(config, targets, 1)].map(([path, pair]) => [path, { ...pair, r: 2 }])),
};
const score = { values: initScore(2, TINY.hidden_size, 9), shape: [2, TINY.hidden_size] as [number, number] };

test.each([
  ['no head', {}],
  ['an adapter without a head', { adapter }],
])('%s: the letters come, scores are refused', async (_, options) => {
  const model = await loadGemma(headless, options);
  await expect(forward(model, batch)).rejects.toThrow(
    'the model has no score head: neither the checkpoint nor the adapter',
  );
  await expect(forward(model, batch)).rejects.toMatchObject({ code: 'adapter' });
  await expect(scoreSequences(model, [Int32Array.of(2, 5)])).rejects.toThrow('no score head');
  expect((await tokenLogits(model, batch, [5, 6])).shape).toEqual([3, 2]);
  await model.dispose();
});

test.each([
  ['an adapter with a head', { adapter: { ...adapter, score } }],
  ['a head that was asked for', { scoreSeed: 1 }],
  ['a new adapter', { lora: { config, seed: 1 } }],
  ['full fine-tuning', { trainAll: true }],
])('%s scores', async (_, options) => {
  const model = await loadGemma(headless, options);
  expect((await forward(model, batch)).shape).toEqual([3, 2]);
  await model.dispose();
});

test('training gives the model a head', async () => {
  const [first, second] = [await loadGemma(headless), await loadGemma(headless)];
  trainable(first);
  await trainingPass(second, batch, batch.labels);
  for (const model of [first, second]) {
    expect((await forward(model, batch)).shape).toEqual([3, 2]);
    await model.dispose();
  }
});

/** The checkpoint with its tensors under other names. */
async function renamed(name: (own: string) => string) {
  const file = await openSafetensors(bytesSource(files['model.safetensors']));
  const tensors: SafeTensor[] = [];
  for (const own of file.names()) tensors.push({ ...(await file.read(own)), name: name(own) });
  return bytesFolder({ ...files, 'model.safetensors': serialize(tensors) });
}

test.each([
  ['without model.', (own: string) => own.replace(/^model\./, '')],
  ['with module.', (own: string) => `module.${own}`],
  ['with _orig_mod.', (own: string) => `_orig_mod.${own}`],
  ['of a multimodal model, wrapped', (own: string) => own.replace(/^model\./, 'module.model.language_model.')],
])('names %s', async (_, name) => {
  const want = await loadGemma(headless, { scoreSeed: 5 });
  const got = await loadGemma(await renamed(name), { scoreSeed: 5 });
  expect(await (await forward(got, batch)).data()).toEqual(await (await forward(want, batch)).data());
  await Promise.all([want.dispose(), got.dispose()]);
});

test('a checkpoint of other names is refused with one of them', async () => {
  await expect(loadGemma(await renamed((own) => `transformer.${own}`))).rejects.toThrow(
    /'model\.embed_tokens\.weight' is missing.*such as 'transformer\./,
  );
});
