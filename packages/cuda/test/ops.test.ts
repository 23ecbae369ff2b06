/** @file Every fused op on engine `cuda`, emulated, against its reference on `cpu`. */
import '@tensorflow/tfjs-backend-cpu';
import { provideEngine } from '@arena/runtime';
import { checkOps } from '@arena/runtime/op';
import { findBackend } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPS } from '../../browser-tests/test/browser/ops.js';
import { type CudaBackend, closeCuda } from '../src/device/index.js';
import { emulatedDriver, hasCompiler } from './emulator/build.js';

const open = () => findBackend('arena-cuda') as CudaBackend | null;

describe.skipIf(!hasCompiler())('fused ops of engine cuda, emulated', { timeout: 300_000 }, () => {
  beforeAll(() => {
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
    provideEngine('cuda', async () => (await import('../src/index.js')).cudaEngine);
  });
  afterAll(() => {
    const backend = open();
    return backend ? closeCuda(backend) : undefined;
  });

  it.each(OPS.map(({ name }) => name))('%s agrees with the reference on every sample', async (name) => {
    const results = await checkOps(
      OPS.filter((op) => op.name === name),
      'cuda',
    );
    expect(results.length).toBeGreaterThan(0);
    // were the references all zero, lost results would pass for right ones
    expect(results.filter(({ largest }) => largest > 0).length).toBeGreaterThanOrEqual(results.length - 1);
    const wrong = results.filter(({ passed }) => !passed);
    expect(
      wrong.map((result) => `${result.sample}: ${result.error ?? `${result.path}, error ${result.maxError}`}`),
    ).toEqual([]);
    expect(open()!.numDataIds()).toBe(0);
  });
});
