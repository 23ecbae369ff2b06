import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { OPS } from './ops.js';
import type { TrainingResult } from './training.js';
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
    expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
  });
});

describe('a training pass of a 4-bit Gemma 2 with LoRA', () => {
  it.each([
    ['wasm', 1e-6],
    ['cpu', 2e-5],
  ] as const)("gives Node's gradients on engine %s", async (engine, tolerance) => {
    const want = inject('nodeTraining');
    const got = await worker.ask('train', engine);
    expect(Object.keys(got.gradients)).toEqual(Object.keys(want.gradients));
    expect(largestError(got, want)).toBeLessThan(tolerance);
  });
});

/** Largest |got - want| / max|want| of the loss, the logits and each parameter's gradient. */
function largestError(got: TrainingResult, want: TrainingResult): number {
  const parts = ({ loss, logits, gradients }: TrainingResult) => [[loss], logits, ...Object.values(gradients)];
  const errors = parts(want).map((values, i) => {
    const scale = Math.max(...values.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    return Math.max(...values.map((value, j) => Math.abs(parts(got)[i][j] - value))) / scale;
  });
  return Math.max(...errors);
}
