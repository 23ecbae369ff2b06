import { forwardTraced, pooledRows, tokenLogits } from '@arena/decoder/model';
import { readFileAt } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { openEngine } from '@arena/runtime';
import { openCheckpoint, openWeights } from '@arena/safetensors';
import { toFloat32, weightsView } from '@arena/safetensors/tensor';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { TINY, tinyBatch, tinyCheckpoint } from './tiny.js';

beforeAll(async () => {
  await openEngine('cpu');
});

const TOKENS = [7, 49, 0, 7];

test.each([
  ['as published', 30, {}],
  ['with a cap that bites', 0.05, {}],
  ['without a cap', 0, {}],
  ['every weight trained', 30, { trainAll: true }],
])('logits of chosen tokens %s are h . E, in float64', async (_, cap, options) => {
  const base = await tinyCheckpoint({}, { ...TINY, final_logit_softcapping: cap || null });
  const model = await loadGemma(base, options);
  expect(model.config.finalLogitSoftcapping).toBe(cap);
  const { labels: _labels, ...batch } = tinyBatch();
  const normed: number[][] = [];
  await forwardTraced(model, batch, (name, value) => {
    if (name === 'norm') normed.push(...(value.arraySync() as number[][]));
  });
  const checkpoint = await openCheckpoint(base);
  const table = toFloat32(await checkpoint.read('model.embed_tokens.weight'));
  await checkpoint.close();

  const before = memory().numTensors;
  const logits = await tokenLogits(model, batch, TOKENS);
  expect(logits.shape).toEqual([3, TOKENS.length]);
  const got = (await logits.array()) as number[][];
  logits.dispose();
  expect(memory().numTensors).toBe(before);

  [...pooledRows(batch, TINY.pad_token_id)].forEach((row, i) => {
    TOKENS.forEach((token, j) => {
      let dot = 0;
      for (let k = 0; k < TINY.hidden_size; k++) dot += normed[row][k] * table[token * TINY.hidden_size + k];
      const want = cap ? cap * Math.tanh(dot / cap) : dot;
      expect(Math.abs(got[i][j] - want)).toBeLessThan(1e-5 * Math.max(1, Math.abs(want)));
    });
  });
  await model.dispose();
});

test('a head of its own is read in place of the embedding', async () => {
  const base = await tinyCheckpoint();
  const batch = { ids: Int32Array.of(2, 9, 17), offsets: Int32Array.of(0, 3) };
  const weights = await openWeights(base);
  const { shape, stored } = weights.tensors.get('model.embed_tokens.weight')!;
  const values = (await weights.readFloat32('model.embed_tokens.weight')).map((value) => 2 * value);
  const head = { name: 'lm_head.weight', dtype: 'F32' as const, shape, data: new Uint8Array(values.buffer) };
  expect(stored).toBe('F32');
  const config = new TextDecoder().decode((await readFileAt(base, 'config.json'))!).replace('30.0', 'null'); // no cap
  const tied = await loadGemma({ weights: await openWeights(base), config });
  const own = await loadGemma({ weights: weightsView(weights, [...weights.tensors.keys(), head]), config });
  const want = (await (await tokenLogits(tied, batch, TOKENS)).array()) as number[][];
  const got = (await (await tokenLogits(own, batch, TOKENS)).array()) as number[][];
  got[0].forEach((value, i) => void expect(value).toBeCloseTo(2 * want[0][i], 5));
  expect(Math.abs(want[0][0])).toBeGreaterThan(1e-3);
  await tied.dispose();
  await own.dispose();
});

test.each([{}, { trainAll: true }])('refuses a token outside the vocabulary (%j)', async (options) => {
  const model = await loadGemma(await tinyCheckpoint(), options);
  const { labels: _, ...batch } = tinyBatch();
  await expect(tokenLogits(model, batch, [50])).rejects.toThrow('token id 50 is outside the vocabulary of 50');
  await model.dispose();
});
