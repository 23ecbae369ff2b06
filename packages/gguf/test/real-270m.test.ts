/** @file The real Gemma 3 270M beside gguf-py. The environment variable ARENA_GEMMA3_270M names the file: `node tools/gemma3-270m.mjs` prints it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type GgmlType, ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import { describe, expect, it } from 'vitest';

const FILE = process.env.ARENA_GEMMA3_270M ?? '';

/** Without it the tests are left out; CI must have it. */
const present = FILE !== '' || process.env.CI === 'true';

interface Fixture {
  types: Record<GgmlType, number>;
  tokens: Record<string, string>;
  tokensSha256: string;
  rows: {
    tensor: string;
    type: GgmlType;
    shape: number[];
    rows: [number, number];
    first: number[];
    last: number[];
    sha256: string;
  }[];
}

describe.skipIf(!present)('Gemma 3 270M, the file of ARENA_GEMMA3_270M', async () => {
  const want: Fixture = JSON.parse(await readFile(new URL('./fixtures/gemma-3-270m.json', import.meta.url), 'utf8'));
  const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');

  it("has gguf-py's types, shapes and values", async () => {
    const file = await openGguf(FILE);
    const types: Record<string, number> = {};
    for (const { type } of file.tensors.values()) types[type] = (types[type] ?? 0) + 1;
    expect(types).toEqual(want.types);
    for (const { tensor, type, shape, rows, first, last, sha256: digest } of want.rows) {
      expect(file.tensors.get(tensor)).toMatchObject({ type, shape });
      const values = await file.readFloat32(tensor, rows);
      expect([...values.subarray(0, 4)]).toEqual(first);
      expect([...values.subarray(-4)]).toEqual(last);
      expect(sha256(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)), tensor).toBe(digest);
    }
    await file.close();
  });

  it('is a Gemma 3 of 18 layers with a tokenizer of 262,144 tokens', async () => {
    const file = await openGguf(FILE);
    expect(ggufConfig(file.metadata, file.tensors)).toMatchObject({
      model_type: 'gemma3_text',
      vocab_size: 262144,
      hidden_size: 640,
      num_hidden_layers: 18,
      head_dim: 256,
      query_pre_attn_scalar: 256,
      sliding_window: 512,
      rope_parameters: { full_attention: { rope_theta: 1000000 }, sliding_attention: { rope_theta: 10000 } },
    });
    const { tokens, scores, types } = ggufTokenizerFields(file.metadata);
    for (const [id, text] of Object.entries(want.tokens)) expect(tokens.at(Number(id))).toBe(text);
    expect(sha256([...tokens].join('\n'))).toBe(want.tokensSha256);
    expect([scores.length, types.length]).toEqual([262144, 262144]);
    const weights = await ggufWeights(file);
    expect(weights.tensors.size).toBe(236);
    const norm = want.rows.find(({ tensor }) => tensor === 'output_norm.weight')!;
    expect([...(await weights.readFloat32('model.norm.weight', [0, 4]))]).toEqual(norm.first.map((v) => v - 1));
    await weights.close();
  });
});
