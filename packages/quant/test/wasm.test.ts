import { setFlagsFromString } from 'node:v8';
import { CODEBOOK, linear4bitOp, quantize4bit } from '@arena/quant';
import { Mt19937, normal } from '@arena/random';
import { checkOps, openEngine } from '@arena/runtime';
import { describe, expect, it } from 'vitest';

/** 256-bit vectors are a flag of Node 24. Only optimised code has them, so here all code is. */
const HAS_FLAG = Number.parseInt(process.versions.node, 10) >= 24;

describe.each([{ threads: 1 }, { threads: 2 }, { threads: 2, relaxedSimd: false }])('engine wasm (%o)', (options) => {
  it('agrees with the reference on every sample of Linear4bit', async () => {
    const results = await checkOps([linear4bitOp], 'wasm', options);
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});

describe.skipIf(!HAS_FLAG)('engine wasm with 256-bit vectors (a flag of Node 24)', () => {
  it('agrees with the reference on every sample of Linear4bit', async () => {
    setFlagsFromString('--no-liftoff');
    const results = await checkOps([linear4bitOp], 'wasm', { threads: 2, wide: true });
    setFlagsFromString('--liftoff');
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});

describe('quantize4bit on engine wasm', () => {
  it.each(['nf4', 'fp4'] as const)('gives the bits of the host for %s', async (type) => {
    const values = normal(new Mt19937(5), 70_001, 0, 0.02);
    values.fill(0, 640, 704);
    values.fill(1e-39, 704, 768); // a block of subnormals
    CODEBOOK[type].forEach((value, i) => {
      values[1024 + i] = value; // ties and exact values
      values[1040 + i] = -value;
    });
    for (const blockSize of [32, 64, 4096]) {
      const options = { type, blockSize, doubleQuant: true };
      await openEngine('cpu');
      const want = quantize4bit(values, [70_001], options);
      await openEngine('wasm');
      expect(quantize4bit(values, [70_001], options)).toEqual(want);
    }
  });

  it('names the value that is not finite', async () => {
    await openEngine('wasm');
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = new Float32Array(8192);
      values[5000] = bad;
      expect(() => quantize4bit(values, [8192])).toThrow(`value 5000 (${bad}) is not finite`);
    }
  });
});
