import { quantize4bit } from '@arena/quant';
import { engineBlocks } from '@arena/quant/ops';
import { type BlockQuantizer, CODEBOOK } from '@arena/quant/state';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { describe, expect, it } from 'vitest';
import { blasConformance, wasmConformance } from '../../runtime/test/wasm-conformance.js';

wasmConformance('@arena/quant');
blasConformance('@arena/quant');

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
      let done = 0;
      const blocks: BlockQuantizer = (...call) => {
        done = engineBlocks(...call);
        return done;
      };
      expect(quantize4bit(values, [70_001], { ...options, blocks })).toEqual(want);
      expect(done).toBe(Math.floor(70_001 / blockSize));
    }
  });

  it('names the value that is not finite', async () => {
    await openEngine('wasm');
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = new Float32Array(8192);
      values[5000] = bad;
      expect(() => quantize4bit(values, [8192], { blocks: engineBlocks })).toThrow(`value 5000 (${bad}) is not finite`);
    }
  });
});
