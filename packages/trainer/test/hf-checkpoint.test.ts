import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesFolder, bytesSource } from '@arena/files';
import { GEMMA2_2B, type GemmaClassifier, loadGemma, writeRandomCheckpoint } from '@arena/gemma';
import { openEngine } from '@arena/runtime';
import { openSafetensors, toFloat32 } from '@arena/safetensors';
import { checkpointFiles, floatMoments, hfCheckpointFiles, loadCheckpoint, restoreProgress } from '@arena/trainer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const CHECKPOINT = join(FIXTURES, 'hf-checkpoint');
let folder: string;
let model: GemmaClassifier;

/** The model that the fixture's checkpoint was trained on, with other weights. */
beforeAll(async () => {
  await openEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'arena-hf-'));
  const shape = {
    vocabSize: 512,
    hiddenSize: 64,
    intermediateSize: 128,
    numHiddenLayers: 4,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    headDim: 16,
    queryPreAttnScalar: 16,
    slidingLayers: [true, false, true, false],
  };
  await writeRandomCheckpoint(folder, { ...GEMMA2_2B, ...shape, dtype: 'float32' });
  const { adapter } = await loadCheckpoint(CHECKPOINT);
  model = await loadGemma(folder, { adapter });
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

describe('a checkpoint of the Hugging Face Trainer', () => {
  test('gives its optimizer state to the parameters that it belongs to', async () => {
    const checkpoint = await loadCheckpoint(CHECKPOINT);
    expect(checkpoint.step).toBe(15);
    expect(checkpoint.log.length).toBeGreaterThan(10);
    const { optimizer } = restoreProgress(checkpoint, model);
    const want = await openSafetensors(bytesSource(await readFile(join(FIXTURES, 'optimizer_state.safetensors'))));
    expect(optimizer.step).toBe(15);
    expect(optimizer.moments).toHaveLength(43);
    for (const [i, { expAvg, expAvgSq }] of floatMoments(optimizer).entries()) {
      expect([...(await expAvg.data())]).toEqual([...toFloat32(await want.read(`${i}.exp_avg`))]);
      expect([...(await expAvgSq.data())]).toEqual([...toFloat32(await want.read(`${i}.exp_avg_sq`))]);
    }
  });

  test('comes back from ours with the bytes that torch wrote', async () => {
    const progress = restoreProgress(await loadCheckpoint(CHECKPOINT), model);
    const ours = await checkpointFiles(model, progress, { totalSteps: 15, epochs: 3, batchSize: 4 });
    const settings = { learningRate: 2e-3, weightDecay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    const files = await hfCheckpointFiles(bytesFolder(ours), settings, 0);
    for (const name of ['optimizer', 'scheduler']) {
      const golden = await readFile(join(CHECKPOINT, `${name}.pt`));
      const end = golden.indexOf(`${name}/.data/serialization_id`) - 30;
      expect(Buffer.from(files[`${name}.pt`]).indexOf(golden.subarray(0, end)), name).toBe(0);
    }
    expect(Buffer.from(files['adapter_model.safetensors'])).toEqual(
      await readFile(join(CHECKPOINT, 'adapter_model.safetensors')),
    );
  });

  test('that lacks a file says which', async () => {
    const files = { 'trainer_state.json': await readFile(join(CHECKPOINT, 'trainer_state.json')) };
    await expect(loadCheckpoint(bytesFolder(files))).rejects.toThrow('adapter_config.json: cannot be read');
    await expect(hfCheckpointFiles(CHECKPOINT, {} as never, 0)).rejects.toThrow('has no arena_state.json');
  });
});
