/** @file A training step of a tiny 4-bit Gemma 2 with LoRA on engine `cuda`, emulated, beside engine `wasm`. */
import { openEngine, provideEngine } from '@arena/runtime';
import { backend, memory } from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectSameTraining } from '../../browser-tests/test/browser/same-training.js';
import { trainTiny, trainTinySteps } from '../../browser-tests/test/browser/training.js';
import { CudaBackend, closeCuda } from '../src/device/index.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

/** Of the largest value: roundings of 2^-9 in both layers, forward and backward, which weigh more in dP - D, a difference of near values. */
const BF16_TOLERANCE = 0.04;

describe.skipIf(!hasCompiler())(
  'training of a 4-bit Gemma 2 with LoRA on engine cuda, emulated',
  { timeout: 300_000 },
  () => {
    beforeAll(() => {
      process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
      provideEngine('cuda', async () => (await import('../src/index.js')).cudaEngine);
    });
    afterEach(async () => {
      delete process.env.EMULATED_ORDER;
      const open = backend();
      if (open instanceof CudaBackend) await closeCuda(open);
    });

    it('gives the gradients and weights of engine wasm in one step', async () => {
      const wasm = await openEngine('wasm', { threads: 1, relaxedSimd: false });
      const want = await trainTiny();
      wasm.dispose();
      await openEngine('cuda');
      expectSameTraining(await trainTiny(), want, 2e-5);
    });

    it('gives nearly the same with bf16, where attention runs on tensor cores', async () => {
      await openEngine('cuda');
      const want = await trainTiny();
      await openEngine('cuda', { bf16: true });
      const got = await trainTiny();
      expectSameTraining(got, want, BF16_TOLERANCE);
      expect(got.logits).not.toEqual(want.logits);
    });

    it('gives nearly the same when saved activations wait in bfloat16, and does so with bf16 alone', async () => {
      await openEngine('cuda', { bf16: true });
      const want = await trainTiny();
      const got = await trainTiny({ half: true });
      expect(got.loss).toBe(want.loss); // nothing is read before the backward pass
      expect(got.gradients).not.toEqual(want.gradients);
      expectSameTraining(got, want, BF16_TOLERANCE);
      expect(await trainTiny({ half: true, recompute: 2 })).not.toEqual(got); // only d is rounded
      await openEngine('cuda');
      expect(await trainTiny({ half: true })).toEqual(await trainTiny());
    });

    it('gives the same bits when the threads of each block run in the opposite order', async () => {
      await openEngine('cuda');
      const forward = await trainTiny();
      await closeCuda(backend() as CudaBackend);
      process.env.EMULATED_ORDER = 'reverse';
      await openEngine('cuda');
      // a barrier that is missing, or two threads that write one place, would show
      expect(await trainTiny()).toEqual(forward);
    });

    it('holds the same tensors and device memory over 20 steps, and learns', async () => {
      await openEngine('cuda');
      const held = await trainTinySteps(20);
      const settled = held[2];
      for (const { tensors, allocatedBytes } of held.slice(3)) {
        expect({ tensors, allocatedBytes }).toEqual({
          tensors: settled.tensors,
          allocatedBytes: settled.allocatedBytes,
        });
      }
      expect(settled.allocatedBytes).toBeGreaterThan(0);
      expect(held[19].loss).toBeLessThan(held[0].loss);
    });

    it('gives all device memory back when it is closed', async () => {
      await openEngine('cuda');
      const { context } = backend() as CudaBackend;
      await trainTinySteps(1);
      expect((memory() as unknown as { numBytesInGPU: number }).numBytesInGPU).toBeGreaterThan(0);
      await closeCuda(backend() as CudaBackend);
      const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
      context.driver.call('cuMemGetInfo_v2', free, total);
      expect(free[0]).toBe(total[0]);
    });
  },
);
