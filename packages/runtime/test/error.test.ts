/**
 * @file One bad input for each code of an EngineError that needs no GPU: `limit` of a device and `self_test` are of the
 * browser's and the GPU's tests.
 */
import { EngineError, type EngineName, openEngine } from '@arena/runtime';
import { wasmKernel } from '@arena/runtime/wasm';
import { gather, tensor2d } from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { Heap, PAGE } from '../src/wasm/heap.js';
import { openPool } from '../src/wasm/pool.js';

const nothing = { name: 'test', kernels: {}, plain: '', relaxed: '' };

test.each<[EngineError['code'], () => unknown]>([
  ['option', () => openEngine('metal' as EngineName)],
  ['unavailable', () => openEngine('webgpu')],
  ['memory', () => new Heap({ maxPages: 2 }).allocate(3 * PAGE)],
  [
    'closed',
    async () => {
      const pool = await openPool(new Heap(), { threads: 1 });
      pool.dispose();
      pool.run({ module: nothing, kernel: 'none', args: [], tasks: 1 });
    },
  ],
  [
    'kernel',
    () => wasmKernel({ module: nothing, name: 'none' as never, inputs: [], outputs: [], params: {} } as never),
  ],
  [
    'tensor',
    async () => {
      await openEngine('wasm', { threads: 1 });
      await gather(tensor2d([[1], [2]]), [5]).data();
    },
  ],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ name: 'EngineError', code });
});
