/** @file A tiny random checkpoint for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderConfig } from '@arena/decoder';
import { GEMMA2_2B, parseGemmaConfig } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { afterAll } from 'vitest';

/** config.json of a Gemma 2 of three layers. */
export const TINY = {
  ...GEMMA2_2B,
  vocab_size: 50,
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  query_pre_attn_scalar: 8,
  sliding_window: 4,
  torch_dtype: 'float32',
};

export const TINY_CONFIG: DecoderConfig = parseGemmaConfig(JSON.stringify(TINY));

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A folder with the checkpoint, removed when the file's tests have run. */
export async function tinyCheckpoint(
  options: Parameters<typeof writeRandomCheckpoint>[2] = {},
  config: Record<string, unknown> = TINY,
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
