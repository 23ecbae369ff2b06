import { logitsOfSequences } from '@arena/decoder/model';
import { bytesFolder } from '@arena/files';
import type { FileOpener } from '@arena/files/source';
import { GEMMA2_2B, GEMMA3_270M, loadGemma } from '@arena/gemma';
import { describeGemma, randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { type Engine, openEngine } from '@arena/runtime';
import { openWeights, serialize } from '@arena/safetensors';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('wasm', { threads: 1 });
});
afterAll(() => engine.dispose());

const SMALL = {
  ...{ vocab_size: 50, hidden_size: 24, intermediate_size: 40, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ head_dim: 8, query_pre_attn_scalar: 8, sliding_window: 4, torch_dtype: 'float32', dtype: 'float32' },
};

/** Sequences of 7, 3 and 11 tokens. */
const sequences = [7, 3, 11].map((length) => Int32Array.from({ length }, (_, i) => 3 + ((i * 17) % 40)));

/** A head [2, 24] for a checkpoint that has none. */
const SCORE = Float32Array.from({ length: 48 }, (_, i) => (((i * 7) % 13) - 6) / 100);

/** The files of a random checkpoint with the head. */
async function withHead(json: object): Promise<Record<string, Uint8Array>> {
  const files = randomCheckpointFiles({ ...json }, { seed: 3 });
  const weights = await openWeights(bytesFolder(files));
  const tensors = [{ name: 'score.weight', dtype: 'F32' as const, shape: [2, 24], data: fromFloat32(SCORE, 'F32') }];
  for (const [name, { shape }] of weights.tensors) {
    tensors.push({ name, dtype: 'F32', shape, data: fromFloat32(await weights.readFloat32(name), 'F32') });
  }
  await weights.close();
  return { ...files, 'model.safetensors': serialize(tensors) };
}

/** Logits of transformers 5.24 (float32, eager) with num_hidden_layers and layer_types set lower. */
const CASES = [
  {
    name: 'Gemma 2',
    json: { ...GEMMA2_2B, ...SMALL, num_hidden_layers: 3, architectures: ['Gemma2ForSequenceClassification'] },
    layers: 2,
    expected: [
      [-0.32615819573402405, -0.2960730791091919],
      [-0.05733717232942581, -0.25911739468574524],
      [-0.08612233400344849, -0.25446242094039917],
    ],
  },
  {
    name: 'Gemma 3',
    json: {
      ...GEMMA3_270M,
      ...SMALL,
      num_hidden_layers: 4,
      layer_types: ['sliding_attention', 'full_attention', 'sliding_attention', 'full_attention'],
      architectures: ['Gemma3TextForSequenceClassification'],
    },
    layers: 3,
    expected: [
      [-0.40625184774398804, -0.26039183139801025],
      [-0.09740874171257019, -0.28615474700927734],
      [0.0299539715051651, -0.27931860089302063],
    ],
  },
];

describe.each(CASES)('$name', ({ json, layers, expected }) => {
  let folder: FileOpener;
  beforeAll(async () => {
    folder = bytesFolder(await withHead(json));
  });

  test('the lower layers are the model that transformers makes of them', async () => {
    const model = await loadGemma(folder, { layers });
    expect(model.layers).toHaveLength(layers);
    const logits = await logitsOfSequences(model, sequences);
    logits.forEach((row, i) => {
      Array.from(row).forEach((value, k) => {
        expect(value).toBeCloseTo(expected[i][k], 5);
      });
    });
    await model.dispose();
  });

  test('a description leaves the others out', async () => {
    const [all, lower] = [await describeGemma(folder), await describeGemma(folder, { layers })];
    expect(lower.config.layers).toEqual(all.config.layers.slice(0, layers));
    expect(lower.unused).toEqual(all.unused);
    expect(lower.parameters).toBeLessThan(all.parameters);
  });

  test.each([0, 1.5, 5])('%s layers of it: refused', async (wrong) => {
    const count = json.num_hidden_layers;
    await expect(loadGemma(folder, { layers: wrong })).rejects.toThrow(
      `it has ${count} layers; ${wrong} of them cannot be taken`,
    );
  });
});
