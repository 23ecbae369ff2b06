import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesFolder } from '@arena/files';
import {
  checkAdapter,
  formatLoraConfig,
  initAdapter,
  loadAdapter,
  loraConfig,
  parseLoraConfig,
  saveAdapter,
} from '@arena/lora';
import { mergeWeight } from '@arena/lora/merge';
import { adapterFolder, resolveTargets } from '@arena/lora/names';
import { loraLinear, loraLinearBackwardOp, loraLinearForward, loraLinearOp } from '@arena/lora/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { checkGradient } from '@arena/runtime/op';
import { grads, mul, sum, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PEFT_ADAPTER = fileURLToPath(new URL('./fixtures/peft-adapter', import.meta.url));
const folders: string[] = [];
const scratch = async () => {
  folders.push(await mkdtemp(join(tmpdir(), 'arena-lora-')));
  return folders.at(-1)!;
};
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

beforeAll(async () => {
  await openEngine('cpu');
});

const modules = [0, 1, 2].flatMap((layer) =>
  ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj'].map((name) => ({
    path: `model.layers.${layer}.${name}`,
    inFeatures: 8,
    outFeatures: 6,
  })),
);

describe('targets', () => {
  const paths = (fields: Parameters<typeof loraConfig>[0]) =>
    resolveTargets(loraConfig(fields), modules).map(({ path }) => path);

  test('by suffix, layer, regular expression, whole path, and all', () => {
    expect(paths({ target_modules: ['q_proj'], layers_to_transform: [1, 2] })).toEqual([
      'model.layers.1.self_attn.q_proj',
      'model.layers.2.self_attn.q_proj',
    ]);
    expect(paths({ target_modules: '.*\\.2\\..*_proj' })).toHaveLength(3);
    expect(paths({ target_modules: ['model.layers.0.mlp.up_proj'] })).toEqual(['model.layers.0.mlp.up_proj']);
    expect(paths({ target_modules: 'all-linear', exclude_modules: ['up_proj'] })).toHaveLength(6);
  });

  test('a suffix matches whole names only', () => {
    expect(() => paths({ target_modules: ['proj'] })).toThrow('no linear layer matches ["proj"]');
    expect(() => paths({ target_modules: ['q_proj'], layers_to_transform: [7] })).toThrow('in layers [7]');
  });

  test('scaling is alpha / r, or alpha / sqrt(r)', () => {
    const scaling = (use_rslora: boolean) =>
      resolveTargets(loraConfig({ r: 4, lora_alpha: 8, use_rslora }), modules)[0].scaling;
    expect([scaling(false), scaling(true)]).toEqual([2, 4]);
  });
});

describe('adapter_config.json', () => {
  test('a PEFT file is read and written again as it was', async () => {
    const text = await readFile(join(PEFT_ADAPTER, 'adapter_config.json'), 'utf8');
    expect(formatLoraConfig(parseLoraConfig(text))).toBe(text);
  });

  test.each([
    [{ r: 0 }, 'r is 0'],
    [{ lora_dropout: 1 }, 'lora_dropout is 1'],
    [{ init_lora_weights: 'pissa' as never }, 'init_lora_weights'],
    [{ target_modules: 'all-linear', layers_to_transform: [1] }, 'layers_to_transform'],
    [{ layers_pattern: 'layers' }, 'layers_pattern'],
    [{ use_dora: true } as never, 'use_dora is true'],
    [{ bias: 'all' } as never, 'bias is "all"'],
    [{ layer_replication: [[0, 2]] } as never, 'layer_replication'],
    [{ rnak: 4 } as never, 'there is no field rnak'],
  ])('refuses %j', (fields, message) => {
    expect(() => loraConfig(fields)).toThrow(message);
  });

  test('takes what PEFT writes beside it', () => {
    const beside = { use_dora: false, bias: 'none', peft_version: '0.15.0' };
    expect(loraConfig({ r: 4, ...beside })).toEqual(loraConfig({ r: 4 }));
  });

  test.each([
    ['{', 'not JSON'],
    ['{"peft_type":"LORA","use_dora":true}', 'use_dora is true'],
    ['{"peft_type":"IA3"}', 'peft_type is "IA3"'],
  ])('refuses the file %s', (text, message) => {
    expect(() => parseLoraConfig(text, 'x.json')).toThrow(message);
  });
});

describe('adapter folder', () => {
  test('equals PEFT byte for byte for equal values', async () => {
    const adapter = await loadAdapter(PEFT_ADAPTER);
    const folder = join(await scratch(), 'adapter');
    await saveAdapter(folder, adapter);
    for (const file of ['adapter_model.safetensors', 'adapter_config.json']) {
      expect(await readFile(join(folder, file))).toEqual(await readFile(join(PEFT_ADAPTER, file)));
    }
  });

  test('replaces an older one and leaves nothing else behind', async () => {
    const parent = await scratch();
    const adapter = await loadAdapter(PEFT_ADAPTER);
    await saveAdapter(join(parent, 'adapter'), adapter, { 'extra.txt': 'x' });
    await saveAdapter(join(parent, 'adapter'), adapter);
    expect(await readdir(parent)).toEqual(['adapter']);
    expect(await readdir(join(parent, 'adapter'))).not.toContain('extra.txt');
  });

  test('is whole when several write it at once', async () => {
    const parent = await scratch();
    const adapter = await loadAdapter(PEFT_ADAPTER);
    const writers = Array.from({ length: 8 }, (_, i) =>
      saveAdapter(join(parent, 'adapter'), adapter, { [`${i}`]: 'x' }),
    );
    await Promise.all(writers);
    expect(await readdir(parent)).toEqual(['adapter']);
    expect(await readdir(join(parent, 'adapter'))).toHaveLength(4);
    expect(await loadAdapter(join(parent, 'adapter'))).toEqual(adapter);
  });

  test('goes through memory alone: as a page downloads and opens it', async () => {
    const files = adapterFolder(await loadAdapter(PEFT_ADAPTER));
    for (const file of ['adapter_model.safetensors', 'adapter_config.json']) {
      expect(Buffer.from(files[file])).toEqual(await readFile(join(PEFT_ADAPTER, file)));
    }
    expect(await loadAdapter(bytesFolder(files))).toEqual(await loadAdapter(PEFT_ADAPTER));
    await expect(loadAdapter(bytesFolder({}))).rejects.toThrow('adapter_config.json: cannot be read');
  });

  test('names what is missing', async () => {
    const folder = await scratch();
    await expect(loadAdapter(folder)).rejects.toThrow('adapter_config.json: cannot be read (ENOENT)');
    await writeFile(join(folder, 'adapter_config.json'), await readFile(join(PEFT_ADAPTER, 'adapter_config.json')));
    await expect(loadAdapter(folder)).rejects.toThrow('adapter_model.safetensors');
  });

  test('an adapter of another base or rank is told apart', () => {
    const config = loraConfig({ r: 2, target_modules: ['q_proj'] });
    const targets = resolveTargets(config, modules);
    const weights = new Map([...initAdapter(config, targets, 1)].map(([path, pair]) => [path, { ...pair, r: 2 }]));
    expect(() => checkAdapter({ config, weights }, targets)).not.toThrow();
    const wider = targets.map((target) => ({ ...target, inFeatures: 16 }));
    expect(() => checkAdapter({ config, weights }, wider)).toThrow('this base wants A [2, 16]');
    expect(() => checkAdapter({ config, weights }, targets.slice(1))).toThrow('does not target');
    weights.delete(targets[0].path);
    expect(() => checkAdapter({ config, weights }, targets)).toThrow(`no matrices for ${targets[0].path}`);
  });
});

test('every op has a sample for the conformance suite', () => {
  for (const op of [loraLinearOp, loraLinearBackwardOp]) expect(op.samples().length).toBeGreaterThan(5);
});

test('loraLinear is the merged product, and its gradients pass finite differences', async () => {
  const draw = (rows: number, columns: number, seed: number) => normal(new Mt19937(seed), rows * columns, 0, 0.5);
  const [x, A, B, W] = [draw(3, 8, 1), draw(2, 8, 2), draw(6, 2, 3), draw(6, 8, 4)];
  const weight = { kind: 'float' as const, tensor: tensor2d(W, [6, 8]) };
  const target = { path: 'p', inFeatures: 8, outFeatures: 6, r: 2, alpha: 3, scaling: 1.5 };
  const merged = mergeWeight(W, { A, B }, target);
  const tensors = (values: Float32Array[]) =>
    [tensor2d(values[0], [3, 8]), tensor2d(values[1], [2, 8]), tensor2d(values[2], [6, 2])] as [
      Tensor2D,
      Tensor2D,
      Tensor2D,
    ];
  const [tx, tA, tB] = tensors([x, A, B]);
  const { y } = loraLinearForward(tx, weight, tA, tB, 1.5);
  const got = await y.data();
  for (let row = 0; row < 3; row++) {
    for (let out = 0; out < 6; out++) {
      let want = 0;
      for (let k = 0; k < 8; k++) want += x[row * 8 + k] * merged[out * 8 + k];
      expect(got[row * 6 + out]).toBeCloseTo(want, 5);
    }
  }
  const probe = tensor2d(draw(3, 6, 9), [3, 6]);
  const layer = (...args: Tensor2D[]) => loraLinear(args[0], weight, args[1], args[2], 1.5);
  const gradients = grads(layer as never)([tx, tA, tB], probe);
  const error = await checkGradient({
    loss: async (values) => (await sum(mul(layer(...tensors(values)), probe)).data())[0],
    inputs: [x, A, B],
    gradients: await Promise.all(gradients.map((gradient) => gradient.data())),
  });
  expect(error).toBeLessThan(1e-3);
});
