/** @file A tiny random checkpoint for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GEMMA2_2B, type GemmaConfig, writeRandomCheckpoint } from '@arena/gemma';
import { afterAll } from 'vitest';

export const TINY: GemmaConfig = {
  ...GEMMA2_2B,
  vocabSize: 50,
  hiddenSize: 24,
  intermediateSize: 40,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  queryPreAttnScalar: 8,
  slidingWindow: 4,
  slidingLayers: [true, false, true],
  dtype: 'float32',
};

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A folder with the checkpoint, removed when the file's tests have run. */
export async function tinyCheckpoint(
  options: Parameters<typeof writeRandomCheckpoint>[2] = {},
  config = TINY,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'arena-gemma-'));
  folders.push(directory);
  await writeRandomCheckpoint(directory, config, { seed: 3, ...options });
  return directory;
}

/** Three sequences of 7, 3 and 11 tokens. */
export function tinyBatch() {
  const lengths = [7, 3, 11];
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets[offsets.length - 1] + length);
  const ids = Int32Array.from({ length: offsets[3] }, (_, i) => 3 + ((i * 17) % 40));
  return { ids, offsets: Int32Array.from(offsets), labels: [0, 1, 0] };
}
