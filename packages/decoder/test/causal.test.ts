import { forwardTraced, pooledRows, tokenLogits } from '@arena/decoder/model';
import { loadGemma } from '@arena/gemma';
import { openEngine } from '@arena/runtime';
import { openCheckpoint } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
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

test.each([{}, { trainAll: true }])('refuses a token outside the vocabulary (%j)', async (options) => {
  const model = await loadGemma(await tinyCheckpoint(), options);
  const { labels: _, ...batch } = tinyBatch();
  await expect(tokenLogits(model, batch, [50])).rejects.toThrow('token id 50 is outside the vocabulary of 50');
  await model.dispose();
});
