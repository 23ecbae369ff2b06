import { bytesFolder, type Weights } from '@arena/files';
import { type AdapterFiles, loraConfig } from '@arena/lora';
import { mergedWeights } from '@arena/lora/merge';
import { resolveTargets } from '@arena/lora/names';
import { dequantize4bit, quantizedWeights, readQuantized } from '@arena/quant';
import { Mt19937, normal } from '@arena/random';
import { openWeights, serialize } from '@arena/safetensors';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';

const ROWS = 4;
const COLUMNS = 64;
const R = 2;
const draw = (count: number, seed: number) => normal(new Mt19937(seed), count, 0, 0.1);
const paths = ['q_proj', 'v_proj', 'o_proj'].map((name) => `model.layers.0.self_attn.${name}`);
const matrices = new Map(paths.map((path, i) => [`${path}.weight`, draw(ROWS * COLUMNS, i + 1)]));

/** A base in memory: three matrices, a norm, and a head of three labels. */
function openBase(dtype: 'F32' | 'BF16' = 'F32'): Promise<Weights> {
  const tensors = [...matrices].map(([name, values]) => ({
    name,
    dtype,
    shape: [ROWS, COLUMNS],
    data: fromFloat32(values, dtype),
  }));
  const more = [
    { name: 'model.norm.weight', dtype, shape: [3], data: fromFloat32(Float32Array.of(1, 2, 3), dtype) },
    { name: 'score.weight', dtype, shape: [3, 1], data: fromFloat32(Float32Array.of(4, 5, 6), dtype) },
  ];
  return openWeights(bytesFolder({ 'model.safetensors': serialize([...tensors, ...more]) }));
}

const config = loraConfig({ r: R, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] });
const targets = resolveTargets(
  config,
  paths.map((path) => ({ path, inFeatures: COLUMNS, outFeatures: ROWS })),
);
const adapter: AdapterFiles = {
  config,
  weights: new Map(
    targets.map(({ path }, i) => [path, { A: draw(R * COLUMNS, 10 + i), B: draw(ROWS * R, 20 + i), r: R }]),
  ),
  score: { values: Float32Array.of(7, 8), shape: [2, 1] },
};

/** W + 3 B A in float64. */
function exact(weight: Float32Array, path: string): number[] {
  const { A, B } = adapter.weights.get(path)!;
  return Array.from(weight, (value, at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    let sum = 0;
    for (let k = 0; k < R; k++) sum += B[row * R + k] * A[k * COLUMNS + column];
    return value + 3 * sum;
  });
}

function expectNear(got: Float32Array, want: number[], tolerance: number) {
  expect(got).toHaveLength(want.length);
  expect(Math.max(...want.map((value, i) => Math.abs(value - got[i])))).toBeLessThan(tolerance);
}

test('a float base: changed matrices in their own type, then the head, then the rest', async () => {
  for (const [dtype, tolerance] of [
    ['F32', 1e-7],
    ['BF16', 4e-3],
  ] as const) {
    const merged = await mergedWeights(await openBase(dtype), adapter, targets, 'bfloat16');
    expect(order(merged).slice(0, 3)).toEqual([`${paths[0]}.weight`, `${paths[1]}.weight`, 'score.weight']);
    expect(merged.requantized).toEqual([]);
    for (const { path } of targets) {
      const name = `${path}.weight`;
      expect(merged.tensors.get(name)?.stored).toBe(dtype);
      expectNear(await merged.readFloat32(name), exact(matrices.get(name)!, path), tolerance);
    }
    expect(merged.tensors.get('score.weight')).toEqual({ shape: [2, 1], stored: 'BF16', bytes: 4 });
    expect([...(await merged.readFloat32('score.weight'))]).toEqual([7, 8]);
    expect([...(await merged.readFloat32('model.norm.weight'))]).toEqual([1, 2, 3]);
  }
});

const order = ({ tensors }: Weights) => [...tensors.keys()];

test('a 4-bit base: matrices are merged and quantised again, others stay as they are stored', async () => {
  const names = paths.map((path) => `${path}.weight`);
  const base = await quantizedWeights(await openBase(), { names, doubleQuant: true });
  const merged = await mergedWeights(base, adapter, targets);
  expect(merged.requantized).toHaveLength(2);
  expect([...order(merged)].sort()).toEqual([...order(base)].sort());
  for (const { path } of targets) {
    const name = `${path}.weight`;
    const before = dequantize4bit((await readQuantized(base, name))!);
    const after = (await readQuantized(merged, name))!;
    expect(after.nested).toBeDefined();
    const want = exact(before, path);
    const largest = Math.max(...want.map(Math.abs));
    expectNear(dequantize4bit(after), want, 0.2 * largest); // NF4's widest gap is 0.3 of a block's largest
  }
  expect(await readQuantized(merged, names[2])).toEqual(await readQuantized(base, names[2]));
  const errors = merged.requantized.map(({ relativeToWeight }) => relativeToWeight);
  for (const error of errors) expect(error).toBeLessThan(0.2);
});

test('names the matrix that the base lacks', async () => {
  const base = await openBase();
  const tensors = new Map(base.tensors);
  tensors.delete(`${paths[1]}.weight`);
  const merged = mergedWeights({ ...base, tensors }, adapter, targets);
  await expect(merged).rejects.toThrow(`checkpoint: tensor '${paths[1]}.weight' is missing, which the adapter changes`);
});
