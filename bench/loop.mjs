/**
 * @file What the training loop costs beside the engine: `node bench/loop.mjs [--threads 1] [--steps 8] [--save]`. Trains the shape tiny as
 * `arena train` does (log line, TensorBoard events, batches built each epoch; with --save a checkpoint a step) and adds up the time
 * inside tfjs kernels, the fused ones included. What is left of a step is the loop's: bookkeeping, reading results, gathering
 * embeddings, writing logs. Both are slowed alike by other processes, so the share holds on a shared machine.
 */

import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { batches } from '@arena/data';
import { trainable } from '@arena/decoder';
import { loadGemma } from '@arena/gemma';
import { writeRandomCheckpoint } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { saveCheckpoint, train } from '@arena/trainer';
import { openEventWriter } from '@arena/trainer/tensorboard';
import { engine as tfjs } from '@tensorflow/tfjs-core';
import { SHAPES } from './shapes.mjs';

const { values: flags } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    steps: { type: 'string', default: '8' },
    save: { type: 'boolean', default: false },
  },
});
const ALL = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const { config: shape, lengths } = SHAPES.tiny;

const opened = await openEngine('wasm', { threads: Number(flags.threads) });
const folder = await mkdtemp(join(tmpdir(), 'arena-bench-'));
await writeRandomCheckpoint(folder, shape, { seed: 1 });
const lora = { config: loraConfig({ r: 16, lora_alpha: 32, target_modules: ALL }), seed: 1 };
const model = await loadGemma(folder, { quantization: {}, lora });
const events = await openEventWriter(join(folder, 'tensorboard'));
const packed = Array.from({ length: 16 }, (_, row) => ({
  id: String(row),
  row,
  ids: Int32Array.from({ length: lengths[0] }, (_, t) => 3 + ((t * 7919 + row * 104729) % 8000)),
  label: row & 1,
}));

const kernels = timeKernels();
const steps = [];
let last;
await train({
  model: trainable(model),
  batches: (epoch) => [...batches(packed, { batchSize: lengths.length, order: 'hf', epoch })],
  epochs: 1000,
  maxSteps: Number(flags.steps) + 1,
  learningRate: 1e-4,
  saveEvery: flags.save ? 1 : undefined,
  onStep: async (entry) => {
    await appendFile(join(folder, 'log.jsonl'), `${JSON.stringify(entry)}\n`);
    await events.scalars({ 'train/loss': entry.loss, 'train/grad_norm': entry.grad_norm }, entry.step);
    const now = { at: performance.now(), inKernels: kernels.milliseconds };
    if (last && entry.step > 2) steps.push({ wall: now.at - last.at, kernels: now.inKernels - last.inKernels });
    last = now;
  },
  onSave: async (state) =>
    void (await saveCheckpoint(folder, trainable(model), state, { totalSteps: 0, epochs: 1, batchSize: 4 }, 2)),
});
await events.close();
await model.dispose();
opened.dispose();
await rm(folder, { recursive: true });

const sum = (key) => steps.reduce((total, step) => total + step[key], 0);
const shares = steps.map(({ wall, kernels: inside }) => (100 * (wall - inside)) / wall).sort((a, b) => a - b);
console.log(
  `${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, engine wasm, ${opened.threads} threads, shape tiny, ${steps.length} steps${flags.save ? ', each saved' : ''}`,
);
console.log(
  `step ${(sum('wall') / steps.length).toFixed(1)} ms, in kernels ${(sum('kernels') / steps.length).toFixed(1)} ms`,
);
console.log(
  `outside of kernels: median ${shares[shares.length >> 1].toFixed(2)} %, of all steps ${(100 - (100 * sum('kernels')) / sum('wall')).toFixed(2)} %`,
);

/** Adds up the time of the outermost kernels from now on. */
function timeKernels() {
  const inner = tfjs();
  const runKernel = inner.runKernel.bind(inner);
  const state = { milliseconds: 0 };
  let depth = 0;
  inner.runKernel = (...call) => {
    if (depth) return runKernel(...call);
    depth++;
    const start = performance.now();
    try {
      return runKernel(...call);
    } finally {
      depth--;
      state.milliseconds += performance.now() - start;
    }
  };
  return state;
}
