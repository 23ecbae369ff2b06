import { bytesFolder } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import {
  parseState,
  type QuantType,
  quantizationConfig,
  quantize4bit,
  quantizedWeights,
  readQuantized,
} from '@arena/quant';
import { roundTo } from '@arena/quant/state';
import { Mt19937, normal } from '@arena/random';
import { openCheckpoint, openWeights, serialize, writeSharded } from '@arena/safetensors';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';

const values = normal(new Mt19937(5), 6 * 64, 0, 0.05);
const norm = Float32Array.of(1, 2, 3);
const base = bytesFolder({
  'model.safetensors': serialize([
    { name: 'a.weight', dtype: 'F32', shape: [6, 64], data: fromFloat32(values, 'F32') },
    { name: 'norm.weight', dtype: 'BF16', shape: [3], data: fromFloat32(norm, 'BF16') },
    { name: 'b.weight', dtype: 'F32', shape: [6, 64], data: fromFloat32(values, 'F32') },
  ]),
});

test.each<[QuantType, boolean]>([
  ['nf4', true],
  ['nf4', false],
  ['fp4', true],
])(
  '%s, double quantisation %s: matrices as codes and state, in memory, and read back as they were',
  async (type, doubleQuant) => {
    const told: number[][] = [];
    const weights = await quantizedWeights(await openWeights(base), {
      names: ['a.weight', 'b.weight'],
      type,
      doubleQuant,
      dtype: 'bfloat16',
      onProgress: (done, total) => told.push([done, total]),
    });
    expect(told).toEqual([0, 1, 2].map((done) => [done, 2]));
    const want = quantize4bit(roundTo(values, 'bfloat16'), [6, 64], { type, doubleQuant, dtype: 'bfloat16' });
    expect(await readQuantized(weights, 'a.weight')).toEqual(want);
    expect(await readQuantized(weights, 'norm.weight')).toBeUndefined();
    expect(weights.tensors.get('a.weight')).toEqual({ shape: [192, 1], stored: 'U8', bytes: 192 });
    expect(weights.tensors.get('a.weight.absmax')?.stored).toBe(doubleQuant ? 'U8' : 'F32');
    expect(await weights.readFloat32('norm.weight')).toEqual(norm);

    const target = bytesTarget();
    await writeSharded(target, weights);
    const checkpoint = await openCheckpoint(bytesFolder(target.files));
    const tensors = await Promise.all(
      checkpoint.names().map(async (name) => [name, await checkpoint.read(name)] as const),
    );
    expect(parseState('b.weight', new Map(tensors))).toEqual(want);
  },
);

test('names what cannot be quantised or read', async () => {
  const weights = await openWeights(base);
  await expect(quantizedWeights(weights, { names: ['c.weight'] })).rejects.toThrow("tensor 'c.weight' is missing");
  const view = await quantizedWeights(weights, { names: ['a.weight'] });
  await expect(quantizedWeights(view, { names: ['a.weight'] })).rejects.toThrow("'a.weight' is quantised already");
  const stop = AbortSignal.abort(new Error('enough'));
  await expect(quantizedWeights(weights, { names: ['a.weight'], signal: stop })).rejects.toThrow('enough');
  const tensors = new Map(view.tensors);
  tensors.delete('a.weight.absmax');
  await expect(readQuantized({ ...view, tensors }, 'a.weight')).rejects.toThrow(
    "checkpoint: a.weight: its tensor 'absmax'",
  );
});

test('quantization_config says how', () => {
  expect(quantizationConfig({ type: 'fp4', doubleQuant: true })).toMatchObject({
    bnb_4bit_quant_type: 'fp4',
    bnb_4bit_use_double_quant: true,
    quant_method: 'bitsandbytes',
  });
});
