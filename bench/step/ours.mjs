/**
 * @file One way to take Arena's training step, as a process that answers requests as bench/peer.py does: `load`, then
 * `step` as often as it is asked for. Its argument is JSON: `{ threads, wide, blas, bf16 }`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { linearsOf } from '@arena/decoder/model';
import { loadGemma, readConfig } from '@arena/gemma';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { openBlas } from '@arena/runtime/blas';
import { observeOps } from '@arena/runtime/op';
import { wasmBackend } from '@arena/runtime/wasm';
import { adamW } from '@arena/trainer';
import { backend } from '@tensorflow/tfjs-core';

const { threads, wide, blas, bf16 } = JSON.parse(process.argv[2]);
const library = blas === 'off' ? undefined : await openBlas({ bf16, path: blas === 'auto' ? undefined : blas });
const engine = await openEngine('wasm', { threads, wide, blas: library });
let model;
let optimizer;
let plan;

const requests = {
  versions() {
    const { name, bf16: halves } = engine.blas ?? {};
    return { node: process.version, threads: engine.threads, library: name, bf16: halves, notes: engine.notes };
  },

  async load({ folder, layers, targets, rank, alpha, tokens, memory, recompute }) {
    const begin = performance.now();
    const config = await readConfig(folder);
    const lora = loraConfig({
      r: rank,
      lora_alpha: alpha,
      target_modules: targets,
      layers_to_transform: layers,
    });
    const quantization = folder.endsWith('.gguf') ? undefined : {};
    model = await loadGemma(folder, { quantization, lora: { config: lora, seed: 1 } });
    plan = planMemory({
      config,
      targets: model.lora.targets,
      tokens,
      quantized: true,
      linearBytes: frozenBytes(model),
      budgetBytes: memory,
    });
    if (recompute !== undefined) plan.activations.recompute = recompute;
    optimizer = adamW(trainableParameters(model));
    return { seconds: (performance.now() - begin) / 1000, plan: plan.activations, planGiB: plan.total / 2 ** 30 };
  },

  /** A step on sequences of any lengths, side by side without padding. */
  async step({ rows, labels }) {
    const offsets = [0];
    for (const row of rows) offsets.push(offsets.at(-1) + row.length);
    const batch = { ids: Int32Array.from(rows.flat()), offsets: Int32Array.from(offsets) };
    const profile = {};
    const others = otherCpu();
    const start = performance.now();
    let backwardStart = 0;
    observeOps((op, milliseconds) => {
      if (!backwardStart && op.endsWith('Backward')) backwardStart = performance.now() - milliseconds;
      profile[op] = (profile[op] ?? 0) + milliseconds;
    });
    const { loss, logits } = await trainingPass(model, batch, labels, { activations: plan.activations });
    const optimizerStart = performance.now();
    const [lossValue] = await loss.data();
    loss.dispose();
    logits.dispose();
    await optimizer.step(1e-4);
    observeOps(null);
    const end = performance.now();
    return {
      seconds: (end - start) / 1000,
      forward: (backwardStart - start) / 1000,
      backward: (optimizerStart - backwardStart) / 1000,
      optimizer: (end - optimizerStart) / 1000,
      loss: lossValue,
      others: others(),
      profile,
      heapGiB: wasmBackend(backend()).heap.peakBytes / 2 ** 30,
      peakGiB: process.resourceUsage().maxRSS / 2 ** 20,
    };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...request } = JSON.parse(line);
  const answer = await Promise.resolve(requests[name](request)).catch((error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
optimizer?.dispose();
await model?.dispose();
engine.dispose();

/** What the model's linears take, however they are held. */
function frozenBytes({ layers }) {
  const weights = layers.flatMap(linearsOf).map(({ weight }) => weight);
  const tensors = weights.flatMap((weight) =>
    weight.kind === 'float' ? weight.tensor : Object.values(weight.tensors),
  );
  return tensors.reduce((sum, tensor) => sum + 4 * (tensor?.size ?? 0), 0);
}

/** Cores that other processes use from now until the returned function is called (Linux; null elsewhere). */
function otherCpu() {
  const read = () => {
    try {
      const ticks = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1, 9).map(Number);
      return {
        busy: ticks.reduce((a, b) => a + b, 0) - ticks[3] - ticks[4],
        own: process.cpuUsage(),
        at: performance.now(),
      };
    } catch {
      return undefined;
    }
  };
  const before = read();
  return () => {
    const after = read();
    if (!before || !after) return null;
    const own = (after.own.user + after.own.system - before.own.user - before.own.system) / 1e6;
    return ((after.busy - before.busy) / 100 - own) / ((after.at - before.at) / 1000);
  };
}
