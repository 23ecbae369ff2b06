import { readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Classifier, forward } from '@arena/decoder';
import { bytesFolder, filesFolder } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { TINY, tinyBatch, tinyCheckpoint } from './tiny.js';

beforeAll(async () => {
  await openEngine('cpu');
});

async function editConfig(directory: string, change: (config: Record<string, unknown>) => void) {
  const path = join(directory, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  change(config);
  await writeFile(path, JSON.stringify(config));
}

test('a model from memory and from chosen files is the one from the folder', async () => {
  const base = await tinyCheckpoint();
  const names = ['config.json', 'model.safetensors'];
  const contents = await Promise.all(names.map(async (name) => new Uint8Array(await readFile(join(base, name)))));
  const inMemory = bytesFolder(Object.fromEntries(names.map((name, i) => [name, contents[i]])));
  const chosen = filesFolder(names.map((name, i) => new File([contents[i]], name)));
  const logits = async (model: Classifier) => {
    const { labels: _, ...batch } = tinyBatch();
    const values = [...(await (await forward(model, batch)).data())];
    await model.dispose();
    return values;
  };
  const want = await logits(await loadGemma(base, { quantization: {}, scoreSeed: 42 }));
  const drawn = bytesFolder(randomCheckpointFiles(TINY, { seed: 3 }));
  for (const source of [inMemory, chosen, drawn])
    expect(await logits(await loadGemma(source, { quantization: {}, scoreSeed: 42 }))).toEqual(want);
  await expect(loadGemma(bytesFolder({}))).rejects.toThrow('checkpoint/config.json: cannot be read');
  await expect(loadGemma(bytesFolder({ 'config.json': contents[0] }))).rejects.toThrow('neither model.safetensors');
});

test('progress of a random checkpoint goes from the first tensor to the last', async () => {
  const told: number[][] = [];
  await tinyCheckpoint({ maxShardBytes: 20_000, onProgress: (done, total) => void told.push([done, total]) });
  const total = 1 + TINY.num_hidden_layers * 11 + 1;
  expect(told).toEqual(Array.from({ length: total }, (_, i) => [i + 1, total]));
});

test('what fails half-way leaves no tensor behind', async () => {
  const base = await tinyCheckpoint();
  const lora = { config: loraConfig({ r: 2, target_modules: ['q_proj'] }), seed: 1 };
  const before = memory().numTensors;
  for (const quantization of [undefined, {}]) {
    const stop = new AbortController();
    const onProgress = (done: number) => done === 9 && stop.abort(new Error('enough'));
    const options = { quantization, lora, onProgress, signal: stop.signal };
    await expect(loadGemma(base, options)).rejects.toThrow('enough');
  }
  await editConfig(base, (config) => {
    config.num_hidden_layers = 4; // one more than there are
  });
  for (const trainAll of [false, true]) await expect(loadGemma(base, { trainAll })).rejects.toThrow('is missing');
  const files = randomCheckpointFiles(TINY);
  const renamed = Buffer.from(files['model.safetensors']).toString('latin1').replace('model.norm', 'model.nxrm');
  const normless = bytesFolder({ ...files, 'model.safetensors': Buffer.from(renamed, 'latin1') });
  await expect(loadGemma(normless)).rejects.toThrow("'model.norm.weight' is missing");
  expect(memory().numTensors).toBe(before);
});

describe('a checkpoint that does not hold together', () => {
  test('no config.json', async () => {
    const base = await tinyCheckpoint();
    await unlink(join(base, 'config.json'));
    await expect(loadGemma(base)).rejects.toThrow('config.json: cannot be read (ENOENT)');
  });

  test('another architecture', async () => {
    const base = await tinyCheckpoint();
    await editConfig(base, (config) => {
      config.model_type = 'llama';
    });
    await expect(loadGemma(base)).rejects.toThrow('model_type "llama"');
  });

  test('a config that lies about shapes', async () => {
    const base = await tinyCheckpoint();
    await editConfig(base, (config) => {
      config.intermediate_size = 41;
    });
    await expect(loadGemma(base)).rejects.toThrow("gate_proj.weight' has shape [40,24], config.json asks for [41,24]");
  });

  test('more layers than there are', async () => {
    const base = await tinyCheckpoint();
    await editConfig(base, (config) => {
      config.num_hidden_layers = 4;
    });
    await expect(loadGemma(base)).rejects.toThrow("'model.layers.3.self_attn.q_proj.weight' is missing");
  });

  test('a truncated file', async () => {
    const base = await tinyCheckpoint();
    await truncate(join(base, 'model.safetensors'), 5000);
    await expect(loadGemma(base)).rejects.toThrow('model.safetensors');
  });

  test('a missing shard', async () => {
    const base = await tinyCheckpoint({ maxShardBytes: 20_000 });
    const files = await import('node:fs/promises').then(({ readdir }) => readdir(base));
    const shard = files.filter((file) => file.endsWith('.safetensors'))[1];
    await unlink(join(base, shard)).catch(() => {});
    await expect(loadGemma(base)).rejects.toThrow(/missing/);
  });

  test('weights that are not finite, by tensor', async () => {
    const base = await tinyCheckpoint();
    const path = join(base, 'model.safetensors');
    const bytes = await readFile(path);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as Record<
      string,
      { data_offsets: number[] }
    >;
    const data = 8 + Number(bytes.readBigUInt64LE(0));
    bytes.writeFloatLE(Number.NaN, data + header['model.layers.1.mlp.up_proj.weight'].data_offsets[0] + 8);
    await writeFile(path, bytes);
    await expect(loadGemma(base)).rejects.toThrow("'model.layers.1.mlp.up_proj.weight' holds NaN at 2");
  });

  test('training every weight of a 4-bit model', async () => {
    const base = await tinyCheckpoint();
    await expect(loadGemma(base, { quantization: {}, trainAll: true })).rejects.toThrow('is 4-bit, only its adapter');
  });
});
