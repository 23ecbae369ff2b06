/** @file A Worker that computes: a page must not block. Answers each {@link Request} with its result or its error. */
import { openEngine } from '@arena/runtime';
import { checkOps, type SampleResult } from '@arena/runtime/op';
import { wasmBackend } from '@arena/runtime/wasm';
import { backend } from '@tensorflow/tfjs-core';
import { OPS } from './ops.js';
import { type StepMemory, type TrainingResult, trainTiny, trainTinySteps } from './training.js';

/** What the Worker can be asked for. */
export type Tasks = {
  /** Opens engine `wasm` with two threads. */
  open(): Promise<{ isolated: boolean; threads: number; shared: boolean }>;
  /** Runs {@link checkOps} on the op of that name. The reference of the longest samples takes seconds: once is enough. */
  check(op: string): Promise<SampleResult[]>;
  /** Opens engine `webgpu`: the adapter's name. */
  openWebgpu(): Promise<string>;
  /** {@link checkOps} on engine `webgpu`, whose every op takes seconds to compile on a software adapter. */
  checkWebgpu(op: string): Promise<SampleResult[]>;
  train(engine: 'wasm' | 'cpu' | 'webgpu'): Promise<TrainingResult>;
  /** Many steps on engine `webgpu`. */
  trainSteps(steps: string): Promise<StepMemory[]>;
};

export interface Request {
  task: keyof Tasks;
  argument?: string;
}

const tasks: Tasks = {
  async open() {
    const { threads } = await openEngine('wasm', { threads: 2 });
    const { shared } = wasmBackend(backend() as never).heap;
    return { isolated: crossOriginIsolated, threads, shared };
  },
  async check(name) {
    const op = OPS.find((op) => op.name === name)!;
    const samples = () => op.samples().filter(({ name }) => crossOriginIsolated || !name.includes('1900'));
    return checkOps([{ ...op, samples }], 'wasm');
  },
  async openWebgpu() {
    return (await openEngine('webgpu')).device!;
  },
  async checkWebgpu(name) {
    const op = OPS.find((op) => op.name === name)!;
    return checkOps([op], 'webgpu');
  },
  async train(name) {
    const engine = await openEngine(name, name === 'wasm' ? { relaxedSimd: false } : {});
    const result = await trainTiny();
    engine.dispose();
    return result;
  },
  async trainSteps(steps) {
    await openEngine('webgpu');
    return trainTinySteps(Number(steps));
  },
};

addEventListener('message', async ({ data: { task, argument } }: MessageEvent<Request>) => {
  try {
    postMessage({ result: await tasks[task](argument as never) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
