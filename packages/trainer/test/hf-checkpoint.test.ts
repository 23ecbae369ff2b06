import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Classifier, trainable } from '@arena/decoder';
import { bytesFolder, bytesSource } from '@arena/files';
import { GEMMA2_2B, loadGemma } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loadAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { openSafetensors } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { loadCheckpoint } from '@arena/trainer';
import { checkpointFiles, hfCheckpointFiles, restoreProgress } from '@arena/trainer/checkpoint';
import { floatMoments } from '@arena/trainer/optimizer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));
const CHECKPOINT = join(FIXTURES, 'hf-checkpoint');
const OPTIMIZER = { learningRate: 2e-3, weightDecay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
let folder: string;
let model: Classifier;

/** The model that the fixture's checkpoint was trained on, with other weights. */
beforeAll(async () => {
  await openEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'arena-hf-'));
  const shape = {
    vocab_size: 512,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    query_pre_attn_scalar: 16,
  };
  await writeRandomCheckpoint(folder, { ...GEMMA2_2B, ...shape, torch_dtype: 'float32' });
  model = await loadGemma(folder, { adapter: await loadAdapter(CHECKPOINT) });
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
    const { optimizer } = restoreProgress(checkpoint, trainable(model));
    const want = await openSafetensors(bytesSource(await readFile(join(FIXTURES, 'optimizer_state.safetensors'))));
    expect(optimizer.step).toBe(15);
    expect(optimizer.moments).toHaveLength(43);
    for (const [i, { expAvg, expAvgSq }] of floatMoments(optimizer).entries()) {
      expect([...(await expAvg.data())]).toEqual([...toFloat32(await want.read(`${i}.exp_avg`))]);
      expect([...(await expAvgSq.data())]).toEqual([...toFloat32(await want.read(`${i}.exp_avg_sq`))]);
    }
  });

  test('comes back from ours with the bytes that torch wrote', async () => {
    const progress = restoreProgress(await loadCheckpoint(CHECKPOINT), trainable(model));
    const ours = await checkpointFiles(trainable(model), progress, { totalSteps: 15, epochs: 3, batchSize: 4 });
    const files = await hfCheckpointFiles(bytesFolder(ours), OPTIMIZER, 0);
    for (const name of ['optimizer', 'scheduler']) {
      const golden = await readFile(join(CHECKPOINT, `${name}.pt`));
      const end = golden.indexOf(`${name}/.data/serialization_id`) - 30;
      expect(Buffer.from(files[`${name}.pt`]).indexOf(golden.subarray(0, end)), name).toBe(0);
    }
    expect(Buffer.from(files['adapter_model.safetensors'])).toEqual(
      await readFile(join(CHECKPOINT, 'adapter_model.safetensors')),
    );
  });

  test('is resumed where its log holds NaN and Infinity, as Python writes them', async () => {
    const state = await readFile(join(CHECKPOINT, 'trainer_state.json'), 'utf8');
    // json.dumps({"grad_norm": float("nan"), "loss": float("-inf"), "best_metric": float("inf")}) of Python 3.11
    const log =
      '"log_history": [{"grad_norm": NaN, "loss": -Infinity, "step": 1, "note": "NaN"}, {"loss": 1.5, "step": 2}]';
    const odd = state
      .replace(/"log_history": \[[^\]]*\]/, log)
      .replace(/"best_global_step": [^,]+,\s*"best_metric": [^,]+/, '"best_global_step": 1, "best_metric": Infinity');
    const read = await loadCheckpoint(
      bytesFolder({
        'trainer_state.json': new TextEncoder().encode(odd),
        'optimizer.pt': await readFile(join(CHECKPOINT, 'optimizer.pt')),
      }),
    );
    expect(read.log).toMatchObject([{ grad_norm: Number.NaN, loss: -Infinity, note: 'NaN' }, { loss: 1.5 }]);
    expect(read.best).toBeUndefined();
  });

  test('of more steps than its run has is refused', async () => {
    const state = await readFile(join(CHECKPOINT, 'trainer_state.json'), 'utf8');
    const late = {
      'trainer_state.json': new TextEncoder().encode(state.replace('"global_step": 15', '"global_step": 1000000')),
    };
    await expect(loadCheckpoint(bytesFolder(late))).rejects.toThrow('global_step is 1000000, but max_steps is 15');
  });

  test('goes out with what the Trainer indexes at its next save', async () => {
    const progress = restoreProgress(await loadCheckpoint(CHECKPOINT), trainable(model));
    const ours = await checkpointFiles(trainable(model), progress, { totalSteps: 15, epochs: 3, batchSize: 4 });
    const files = await hfCheckpointFiles(bytesFolder(ours), OPTIMIZER, 0);
    const { stateful_callbacks, save_steps } = JSON.parse(new TextDecoder().decode(files['trainer_state.json']));
    expect(save_steps).toBe(15); // the Trainer takes the file's word, not that of its arguments
    const golden = JSON.parse(await readFile(join(CHECKPOINT, 'trainer_state.json'), 'utf8'));
    // that one was saved at the last step of its run
    golden.stateful_callbacks.TrainerControl.args.should_training_stop = false;
    expect(stateful_callbacks).toEqual(golden.stateful_callbacks);
  });

  test('that lacks a file says which', async () => {
    const files = { 'trainer_state.json': await readFile(join(CHECKPOINT, 'trainer_state.json')) };
    await expect(loadCheckpoint(bytesFolder(files))).rejects.toThrow('optimizer.pt: cannot be read');
    await expect(hfCheckpointFiles(CHECKPOINT, {} as never, 0)).rejects.toThrow('has no arena_state.json');
  });
});
