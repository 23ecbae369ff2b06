/** @file Config and weights together: the models of the golden cases in float64, beside transformers' logits. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bytesSource } from '@arena/files';
import { ggufConfig, ggufWeights, openGguf } from '@arena/gguf';
import { openSafetensors } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';
import { forward } from './reference-forward.js';

const GOLDEN = fileURLToPath(new URL('../../conformance/fixtures/gguf/', import.meta.url));

interface Batch {
  input_ids: number[][];
  attention_mask: number[][];
  pooled_index: number[];
}

test.each(['gemma2', 'gemma3'])('%s: config as given, hidden states and logits of transformers', async (family) => {
  const folder = `${GOLDEN}${family}/`;
  const { config: wanted, tensor_types: types, tolerance } = JSON.parse(await readFile(`${folder}case.json`, 'utf8'));
  const batches = JSON.parse(await readFile(`${folder}batches.json`, 'utf8')) as Record<string, Batch>;
  const expected = await openSafetensors(bytesSource(await readFile(`${folder}expected.safetensors`)));
  const head = await openSafetensors(bytesSource(await readFile(`${folder}score.safetensors`)));
  const score = toFloat32(await head.read(head.names()[0]));

  const file = await openGguf(folder, 'model.gguf');
  expect(Object.fromEntries([...file.tensors].map(([name, { type }]) => [name, type]))).toEqual(types);
  const config = ggufConfig(file.metadata, file.tensors);
  expect(config).toMatchObject(wanted);
  const weights = await ggufWeights(file);
  const within = (got: number, want: number, { rtol, atol }: { rtol: number; atol: number }) => {
    expect(Math.abs(got - want)).toBeLessThanOrEqual(atol + rtol * Math.abs(want));
  };
  for (const [name, { input_ids, attention_mask, pooled_index }] of Object.entries(batches)) {
    const hidden = toFloat32(await expected.read(`${name}.hidden`));
    const logits = toFloat32(await expected.read(`${name}.logits`));
    for (const [row, ids] of input_ids.entries()) {
      const begin = attention_mask[row].indexOf(1);
      const states = await forward(
        config,
        weights,
        ids.filter((_, i) => attention_mask[row][i] === 1),
      );
      const pooled = states[pooled_index[row] - begin];
      for (const [i, value] of pooled.entries()) {
        within(value, hidden[(row * ids.length + pooled_index[row]) * pooled.length + i], tolerance.hidden);
      }
      for (const label of [0, 1]) {
        const logit = pooled.reduce((sum, v, i) => sum + v * score[label * pooled.length + i], 0);
        within(logit, logits[row * 2 + label], tolerance.logits);
      }
    }
  }
  await weights.close();
});
