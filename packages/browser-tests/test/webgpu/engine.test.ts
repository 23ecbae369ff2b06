import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { OPS } from '../browser/ops.js';
import { expectSameTraining } from '../browser/same-training.js';
import { startWorker } from '../browser/worker.js';

const worker = startWorker();
afterAll(() => worker.terminate());

// No test here is skipped: a Chromium without WebGPU fails them all.
describe('engine webgpu in a Worker', () => {
  beforeAll(async () => {
    expect(await worker.ask('openWebgpu')).toMatch(/swiftshader/i);
  });

  it.each(OPS.map(({ name }) => name))('%s agrees with the reference on every sample', async (name) => {
    const results = await worker.ask('checkWebgpu', name);
    expect(results.length).toBeGreaterThan(0);
    // were the references all zero, lost results would pass for right ones
    expect(results.filter(({ largest }) => largest > 0).length).toBeGreaterThanOrEqual(results.length - 1);
    const wrong = results.filter(({ passed }) => !passed);
    expect(
      wrong.map((result) => `${result.sample}: ${result.error ?? `${result.path}, error ${result.maxError}`}`),
    ).toEqual([]);
  });
});

describe('training of a 4-bit Gemma 2 with LoRA on engine webgpu', () => {
  it("gives the gradients and weights of Node's engine wasm in one step", async () => {
    expectSameTraining(await worker.ask('train', 'webgpu'), inject('nodeTraining'), 2e-5);
  });

  it('holds the same tensors and buffers over 60 steps, and learns', async () => {
    const held = await worker.ask('trainSteps', '60');
    const settled = held[2];
    for (const { tensors, allocatedBytes } of held.slice(3)) {
      expect({ tensors, allocatedBytes }).toEqual({ tensors: settled.tensors, allocatedBytes: settled.allocatedBytes });
    }
    expect(settled.allocatedBytes).toBeGreaterThan(0);
    expect(held[59].loss).toBeLessThan(held[0].loss / 2);
  });
});
