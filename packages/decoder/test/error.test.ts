/** @file One bad input for each code of a DecoderError. */
import { DecoderError, planMemory, readConfig } from '@arena/decoder';
import { smoothedCrossEntropy } from '@arena/decoder/losses';
import { adapterSet, flattenPadded } from '@arena/decoder/model';
import { bytesFolder } from '@arena/files';
import { gemma2, loadGemma } from '@arena/gemma';
import { openEngine } from '@arena/runtime';
import { beforeAll, expect, test } from 'vitest';
import { TINY_CONFIG, tinyCheckpoint } from './tiny.js';

let base: string;
beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyCheckpoint();
});

test.each<[DecoderError['code'], () => unknown]>([
  ['config', () => readConfig(bytesFolder({ 'config.json': '{"model_type":"another"}' }), { families: [gemma2] })],
  ['checkpoint', () => readConfig(bytesFolder({}), { families: [gemma2] })],
  [
    'adapter',
    async () => {
      const model = await loadGemma(base);
      try {
        await adapterSet(model).use('none');
      } finally {
        await model.dispose();
      }
    },
  ],
  ['batch', () => flattenPadded([[1, 2]], [[1]])],
  ['argument', () => smoothedCrossEntropy(1)],
  ['memory', () => planMemory({ config: TINY_CONFIG, targets: [], tokens: 100, quantized: true, budgetBytes: 1 })],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(DecoderError);
  expect(error).toMatchObject({ name: 'DecoderError', code });
});
