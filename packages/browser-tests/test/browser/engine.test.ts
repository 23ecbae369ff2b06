import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { OPS } from './ops.js';
import { expectSameTraining } from './same-training.js';
import { startWorker } from './worker.js';

const isolated = inject('isolated');
const worker = startWorker();
afterAll(() => worker.terminate());

describe('engine wasm in a Worker', () => {
  beforeAll(async () => {
    await worker.ask('open');
  });

  it(
    isolated ? 'computes on two threads over shared memory' : 'computes on one thread without shared memory',
    async () => {
      const want = isolated ? { isolated, threads: 2, shared: true } : { isolated, threads: 1, shared: false };
      expect(await worker.ask('open')).toEqual(want);
    },
  );

  it.each(OPS.map(({ name }) => name))('%s agrees with the reference on every sample', async (name) => {
    const results = await worker.ask('check', name);
    expect(results.length).toBeGreaterThan(0);
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
  });
});

describe('a training step of a 4-bit Gemma 2 with LoRA', () => {
  it.each([
    ['wasm', 1e-6],
    ['cpu', 2e-5],
  ] as const)("gives Node's gradients and weights on engine %s", async (engine, tolerance) => {
    expectSameTraining(await worker.ask('train', engine), inject('nodeTraining'), tolerance);
  });
});
