import { createHash } from 'node:crypto';
import { dequantize4bit, parseState, quantize4bit, serializeState } from '@arena/quant';
import { linear4bit, uploadWeight4bit } from '@arena/quant/ops';
import { CODEBOOK, DYNAMIC_MAP, dynamicMap, roundTo } from '@arena/quant/state';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { grad, ones, type Tensor2D, tensor2d } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(async () => {
  await openEngine('cpu');
});

const weights = (count: number, seed = 1) => normal(new Mt19937(seed), count, 0, 0.05);

test('the rule of the dynamic maps gives the stored one, and an unsigned one of the same kind', () => {
  expect(dynamicMap(true)).toEqual(DYNAMIC_MAP);
  const map = dynamicMap(false);
  expect(map).toHaveLength(256);
  expect([map[0], map[255]]).toEqual([0, 1]);
  // decade i has 2^(i + 1) values between 10^(i - 7) and 10^(i - 6), centred in their equal parts
  const decades = [0, 1, 2, 3, 4, 5, 6].map((i) => [...map].filter((x) => x > 10 ** (i - 7) && x < 10 ** (i - 6)));
  for (const [i, values] of decades.entries()) {
    expect(values).toHaveLength(2 ** (i + 1));
    const part = 0.9 / values.length;
    for (const [k, x] of values.entries()) expect(x / 10 ** (i - 6)).toBeCloseTo(0.1 + part * (k + 0.5), 6);
  }
});

test('the dynamic map is that of bitsandbytes', () => {
  // SHA-256 of create_dynamic_map(signed=True) as little-endian float32, taken from bitsandbytes 0.50.1.
  const digest = createHash('sha256').update(new Uint8Array(DYNAMIC_MAP.buffer)).digest('hex');
  expect(digest).toBe('e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c');
});

describe('quantize4bit', () => {
  test.each(['nf4', 'fp4'] as const)('%s takes the nearest value of the codebook', (type) => {
    const values = weights(256);
    const back = dequantize4bit(quantize4bit(values, [4, 64], { type }));
    values.forEach((value, i) => {
      const block = values.subarray(Math.floor(i / 64) * 64, Math.floor(i / 64) * 64 + 64);
      const absmax = Math.max(...block.map(Math.abs));
      const nearest = Math.min(...[...CODEBOOK[type]].map((code) => Math.abs(code * absmax - value)));
      expect(Math.abs(back[i] - value)).toBeLessThanOrEqual(nearest + 1e-7);
    });
  });

  test.each([32, 64, 128, 4096])('blocks of %i survive the way through their state', (blockSize) => {
    for (const doubleQuant of [false, true]) {
      const quantized = quantize4bit(weights(5 * 77), [5, 77], { blockSize, doubleQuant, dtype: 'bfloat16' });
      const tensors = new Map(serializeState('w.weight', quantized).map((tensor) => [tensor.name, tensor]));
      const read = parseState('w.weight', tensors);
      expect(dequantize4bit(read)).toEqual(dequantize4bit(quantized));
      expect(read).toEqual(quantized);
    }
  });

  test('refuses what it cannot quantise', () => {
    for (const [count, at] of [
      [2, 1],
      [64, 0],
      [65, 64],
      [128, 100],
    ]) {
      const values = new Float32Array(count).fill(1);
      values[at] = Number.NaN;
      expect(() => quantize4bit(values, [count])).toThrow(`value ${at} (NaN) is not finite`);
    }
    expect(() => quantize4bit(Float32Array.of(Number.POSITIVE_INFINITY), [1])).toThrow('not finite');
    expect(() => quantize4bit(weights(4), [2, 3])).toThrow('wants 6 values, got 4');
    expect(() => quantize4bit(weights(4), [4], { blockSize: 48 })).toThrow('block size 48');
  });
});

describe('parseState', () => {
  const state = (
    change: (tensors: Map<string, { name: string; dtype: 'U8' | 'F32'; shape: number[]; data: Uint8Array }>) => void,
  ) => {
    const quantized = quantize4bit(weights(128), [2, 64], { doubleQuant: true });
    const tensors = new Map(
      serializeState('w', quantized).map((t) => [t.name, { ...t, data: t.data.slice() }]),
    ) as never;
    change(tensors);
    return () => parseState('w', tensors);
  };
  const JSON_NAME = 'w.quant_state.bitsandbytes__nf4';
  const encode = (text: string) => new TextEncoder().encode(text);

  test('names what is missing or wrong', () => {
    expect(state((t) => t.delete('w.absmax'))).toThrow("its tensor 'absmax' is missing");
    expect(state((t) => t.delete(JSON_NAME))).toThrow('no quant_state');
    expect(state((t) => Object.assign(t.get('w')!, { data: new Uint8Array(3) }))).toThrow('3 bytes of codes');
    expect(state((t) => t.get('w.quant_map')!.data.fill(0, 0, 4))).toThrow(
      "w.quant_map: value 0 is 0, not -1 as in bitsandbytes' table",
    );
    expect(state((t) => Object.assign(t.get(JSON_NAME)!, { data: encode('{') }))).toThrow('not JSON');
    for (const text of ['null', '[1, "nf4"]']) {
      expect(state((t) => Object.assign(t.get(JSON_NAME)!, { data: encode(text) }))).toThrow('early versions');
    }
    expect(state((t) => Object.assign(t.get(JSON_NAME)!, { data: encode('{"quant_type":"int4"}') }))).toThrow(
      'quant_type int4',
    );
  });
});

test("a nested table with other last bits is the file's own: scales are taken by it", () => {
  const values = Float32Array.from({ length: 64 * 300 }, (_, i) => Math.sin(i * 0.37) * (1 + (i % 97) / 50));
  const quantized = quantize4bit(values, [64, 300], { doubleQuant: true });
  const tensors = new Map(serializeState('w', quantized).map((t) => [t.name, { ...t, data: t.data.slice() }]));
  const map = new Float32Array(tensors.get('w.nested_quant_map')!.data.buffer);
  for (let i = 0; i < 256; i += 3) map[i] *= 1 + 2 ** -23;
  const read = parseState('w', tensors);
  const { nested, absmax } = quantized;
  // absmax = map[code] * absmax[block of 256] + offset, in double
  const want = Array.from(absmax, (code, block) => map[code] * nested!.absmax[block >> 8] + nested!.offset);
  Array.from(read.absmax).forEach((value, block) => {
    expect(Math.abs(value - want[block])).toBeLessThan(1e-6 * want[block]);
  });
  expect(read.nested).toBeUndefined();
  map[7] += 2e-6;
  expect(() => parseState('w', tensors)).toThrow('w.nested_quant_map: value 7 is');
});

test('roundTo takes the nearest value, ties to even', () => {
  const half = 2 ** -8; // half a unit of bfloat16 at 1
  expect([...roundTo(Float32Array.of(1 + half, 1 + 3 * half, 1 + half * 1.01), 'bfloat16')]).toEqual([
    1,
    1 + 4 * half,
    1 + 2 * half,
  ]);
});

describe('linear4bit', () => {
  const quantized = quantize4bit(weights(6 * 10), [6, 10], { doubleQuant: true });
  const x = normal(new Mt19937(5), 3 * 10);

  test('multiplies with the dequantised matrix, and so does its gradient', async () => {
    const weight = uploadWeight4bit(quantized);
    const dense = dequantize4bit(quantized);
    const input = tensor2d(x, [3, 10]);
    const y = await linear4bit(input, weight).data();
    const dx = await grad((t) => linear4bit(t as Tensor2D, weight))(input, ones([3, 6])).data();
    for (let row = 0; row < 3; row++) {
      for (let out = 0; out < 6; out++) {
        let want = 0;
        for (let k = 0; k < 10; k++) want += x[row * 10 + k] * dense[out * 10 + k];
        expect(y[row * 6 + out]).toBeCloseTo(want, 5);
      }
      for (let k = 0; k < 10; k++) {
        let want = 0;
        for (let out = 0; out < 6; out++) want += dense[out * 10 + k];
        expect(dx[row * 10 + k]).toBeCloseTo(want, 5);
      }
    }
  });

  test('says which width it takes', () => {
    expect(() => linear4bit(tensor2d([[1, 2]]), uploadWeight4bit(quantized))).toThrow('takes [tokens, 10]');
  });
});
