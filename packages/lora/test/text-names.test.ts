/** @file Adapters as PEFT writes them for a multimodal Gemma 3, read for its text model: names as in transformers 4 and 5. */
import { bytesFolder } from '@arena/files';
import { loadAdapter } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { serialize } from '@arena/safetensors';
import { expect, test } from 'vitest';

const MODULES = [0, 1].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.v_proj'].map((name) => {
    return { path: `model.layers.${layer}.${name}`, inFeatures: 8, outFeatures: 4 };
  }),
);

/** An adapter folder whose modules stand below `prefix`. */
function folder(prefix: string, target_modules: string | string[], more: string[] = []) {
  const matrix = (name: string, shape: [number, number], seed: number) => {
    const values = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => seed + i / 8);
    return { name, dtype: 'F32' as const, shape, data: new Uint8Array(values.buffer) };
  };
  const paths = [...MODULES.map(({ path }) => path.replace('model.', prefix)), ...more];
  const tensors = paths.flatMap((path, i) => [
    matrix(`base_model.model.${path}.lora_A.weight`, [2, 8], i),
    matrix(`base_model.model.${path}.lora_B.weight`, [4, 2], -i),
  ]);
  const config = { peft_type: 'LORA', task_type: 'SEQ_CLS', r: 2, lora_alpha: 4, target_modules };
  return bytesFolder({
    'adapter_config.json': JSON.stringify(config),
    'adapter_model.safetensors': serialize(tensors),
  });
}

const NAMES = ['q_proj', 'v_proj'];
const EXPRESSION = '.*language_model.*\\.(q_proj|v_proj)';

test.each([
  ['transformers 5', 'model.language_model.', NAMES],
  ['transformers 4', 'language_model.model.', NAMES],
  ['transformers 5, by an expression', 'model.language_model.', EXPRESSION],
  ['transformers 4, by an expression', 'language_model.model.', EXPRESSION],
])('%s: the matrices are those of the text names', async (_, prefix, targets) => {
  const want = await loadAdapter(folder('model.', NAMES));
  const got = await loadAdapter(folder(prefix, targets));
  expect(got.weights).toEqual(want.weights);
  expect(resolveTargets(got.config, MODULES).map(({ path }) => path)).toEqual(MODULES.map(({ path }) => path));
});

test('an adapter of what sees is refused whole', async () => {
  const seeing = ['model.vision_tower.encoder.layers.0.self_attn.q_proj'];
  const refused = loadAdapter(folder('model.language_model.', NAMES, seeing));
  await expect(refused).rejects.toThrow('adapts the vision_tower of a multimodal model');
  await expect(refused).rejects.toMatchObject({ code: 'weights' });
});

test('an expression that fits no module of a text adapter is not helped', async () => {
  const { config } = await loadAdapter(folder('model.', EXPRESSION));
  expect(() => resolveTargets(config, MODULES)).toThrow('language_model');
});
