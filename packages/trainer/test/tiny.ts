/** @file A tiny base, its micro-batches and settings, for tests of the loop. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Classifier, trainable, trainableParameters } from '@arena/decoder';
import { GEMMA2_2B, type LoadGemmaOptions } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import type { MicroBatch, TrainOptions } from '@arena/trainer';

/** A new folder with a base of two layers. */
export async function tinyBase(): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'arena-trainer-'));
  const shape = {
    vocab_size: 40,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 2,
  };
  const heads = {
    num_key_value_heads: 1,
    head_dim: 8,
    query_pre_attn_scalar: 8,
    torch_dtype: 'float32',
  };
  await writeRandomCheckpoint(base, { ...GEMMA2_2B, ...shape, ...heads });
  return base;
}

export const LORA: LoadGemmaOptions = {
  quantization: {},
  lora: {
    config: loraConfig({ r: 2, lora_alpha: 4, lora_dropout: 0.1, target_modules: ['q_proj', 'down_proj'] }),
    seed: 1,
  },
};

/** Micro-batches of two sequences; the label is whether the last token is odd. */
export function batches(epoch: number, count = 5): MicroBatch[] {
  return Array.from({ length: count }, (_, i) => {
    const ids = Int32Array.from({ length: 9 }, (_, t) => 3 + ((t * 7 + i * 11 + epoch * 5) % 36));
    return { ids, offsets: Int32Array.of(0, 4, 9), labels: [ids[3] & 1, ids[8] & 1] };
  });
}

export function optionsFor(model: Classifier): TrainOptions {
  return {
    model: trainable(model),
    batches,
    learningRate: 1e-2,
    epochs: 2,
    accumulation: 2,
    warmup: 1,
    weightDecay: 0.01,
    seed: 3,
  };
}

export async function weightsOf(model: Classifier) {
  return Promise.all(trainableParameters(model).map(async ({ value }) => [...(await value.data())]));
}
