/** @file Attention on engine `cuda`, emulated, with heads of every size that has kernels of its own. */
import '@tensorflow/tfjs-backend-cpu';
import { type AttentionAttrs, attentionBackwardOp, attentionOp } from '@arena/decoder/ops';
import { Mt19937, normal } from '@arena/random';
import { openEngine, provideEngine } from '@arena/runtime';
import { checkOps, type OpSample } from '@arena/runtime/op';
import { backend, tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CudaBackend, closeCuda } from '../src/device/index.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const OFFSETS = [0, 5, 45, 46];
const ROWS = Array.from({ length: 46 }, (_, row) => row);

function sampleOf(headDim: number): OpSample<AttentionAttrs> {
  const generator = new Mt19937(headDim);
  const draw = (rows: number, columns: number) => ({
    shape: [rows, columns],
    dtype: 'float32' as const,
    values: normal(generator, rows * columns, 0, 1),
  });
  const int32 = (list: number[]) => ({ shape: [list.length], dtype: 'int32' as const, values: Int32Array.from(list) });
  const [tokens, heads, keyValueHeads] = [ROWS.length, 2, 1];
  return {
    name: `heads of ${headDim}`,
    attrs: {
      numHeads: heads,
      numKeyValueHeads: keyValueHeads,
      headDim,
      scale: headDim ** -0.5,
      softcap: 20,
      slidingWindow: 37,
    },
    inputs: {
      q: draw(tokens, heads * headDim),
      k: draw(tokens, keyValueHeads * headDim),
      v: draw(tokens, keyValueHeads * headDim),
      do: draw(tokens, heads * headDim),
      offsets: int32(OFFSETS),
      rows: int32(ROWS),
    },
  };
}

describe.skipIf(!hasCompiler())('attention on engine cuda, emulated', { timeout: 300_000 }, () => {
  beforeAll(() => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    provideEngine('cuda', async () => (await import('../src/index.js')).cudaEngine);
  });
  afterAll(() => {
    const open = backend();
    return open instanceof CudaBackend ? closeCuda(open) : undefined;
  });

  it.each([30, 40, 64, 100, 128, 200, 256])(
    'with heads of %i columns gives what the reference gives',
    async (headDim) => {
      const sample = sampleOf(headDim);
      const { do: _, ...forward } = sample.inputs;
      await openEngine('cpu');
      // what the forward pass keeps for the backward one, by the reference
      const inputs = Object.fromEntries(
        Object.entries(forward).map(([name, { values, shape, dtype }]) => [name, tensor(values.slice(), shape, dtype)]),
      );
      const [o, lse] = attentionOp.reference(inputs as never, sample.attrs);
      const kept = (values: Float32Array, shape: number[]) => ({ values, shape, dtype: 'float32' as const });
      const backward = {
        ...sample.inputs,
        o: kept((await o.data()) as Float32Array, o.shape),
        lse: kept((await lse.data()) as Float32Array, lse.shape),
      };
      const results = await checkOps(
        [
          { ...attentionOp, samples: () => [{ ...sample, inputs: forward }] },
          { ...attentionBackwardOp, samples: () => [{ ...sample, inputs: backward }] },
        ],
        'cuda',
      );
      expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
      for (const { maxError, largest } of results) {
        expect(largest).toBeGreaterThan(0.5);
        expect(maxError).toBeLessThan(2e-5);
      }
    },
  );

  it('refuses heads that no kernel takes', async () => {
    const [result] = await checkOps([{ ...attentionOp, samples: () => [sampleOf(258)] }], 'cuda');
    expect(result.error).toContain("attention on engine 'cuda' takes heads of up to 256 columns, not 258");
  });
});
