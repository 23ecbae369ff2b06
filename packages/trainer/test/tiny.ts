/** @file A tiny base, its micro-batches and settings, for tests of the loop. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GEMMA2_2B,
  type GemmaClassifier,
  type LoadGemmaOptions,
  trainableParameters,
  writeRandomCheckpoint,
} from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import type { MicroBatch, TrainOptions } from '@arena/trainer';

/** A new folder with a base of two layers. */
export async function tinyBase(): Promise<string> {
  const base = await mkdtemp(join(tmpdir(), 'arena-trainer-'));
  const shape = { vocabSize: 40, hiddenSize: 16, intermediateSize: 24, numHiddenLayers: 2, numAttentionHeads: 2 };
  const heads = {
    numKeyValueHeads: 1,
    headDim: 8,
    queryPreAttnScalar: 8,
    slidingLayers: [true, false],
    dtype: 'float32' as const,
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

export function optionsFor(model: GemmaClassifier): TrainOptions {
  return { model, batches, learningRate: 1e-2, epochs: 2, accumulation: 2, warmup: 1, weightDecay: 0.01, seed: 3 };
}

export async function weightsOf(model: GemmaClassifier) {
  return Promise.all(trainableParameters(model).map(async ({ value }) => [...(await value.data())]));
}
