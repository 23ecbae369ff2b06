/** @file A Worker that computes: a page must not block. Answers each {@link Request} with its result or its error. */
import { checkOps, openEngine, type SampleResult, wasmBackend } from '@arena/runtime';
import { backend } from '@tensorflow/tfjs-core';
import { OPS } from './ops.js';
import { type TrainingResult, trainTiny } from './training.js';

/** What the Worker can be asked for. */
export type Tasks = {
  /** Opens engine `wasm` with two threads. */
  open(): Promise<{ isolated: boolean; threads: number; shared: boolean }>;
  /** Runs {@link checkOps} on the op of that name. The reference of the longest samples takes seconds: once is enough. */
  check(op: string): Promise<SampleResult[]>;
  train(engine: 'wasm' | 'cpu'): Promise<TrainingResult>;
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
  async train(name) {
    const engine = await openEngine(name, { relaxedSimd: false });
    const result = await trainTiny();
    engine.dispose();
    return result;
  },
};

addEventListener('message', async ({ data: { task, argument } }: MessageEvent<Request>) => {
  try {
    postMessage({ result: await tasks[task](argument as never) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
