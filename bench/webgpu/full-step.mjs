/** @file A training step of the whole 2B shape on engine `webgpu`, with random weights made on the device: no checkpoint is needed. */
import { planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { openEngine, startProfile } from '@arena/runtime';
import { adamW } from '@arena/trainer';
import { backend, dispose } from '@tensorflow/tfjs-core';
import { checkedConfig, randomModel } from '../../packages/cuda/gpu-check/random-model.js';

/**
 * Seconds, tokens/s and device memory of a step at 1,900 tokens under a plan; LoRA r 16 on all linears of layers 6 to 25. A last step is timed by
 * kernel, where the device has timestamps.
 */
export async function fullStep({ small, budgetBytes, steps = 3, options }) {
  const opened = await openEngine('webgpu', options);
  const gpu = backend();
  const config = checkedConfig(small);
  const tokens = small ? 60 : 1900;
  const start = performance.now();
  const model = randomModel(config);
  const { targets } = model.lora;
  // the pool of buffers keeps some of every size that is not in use
  const plan = planMemory({ config, targets, tokens, quantized: true, budgetBytes: 0.9 * budgetBytes });
  const optimizer = adamW(trainableParameters(model));
  const batch = {
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 7919) % 250000)),
    offsets: Int32Array.of(0, tokens),
  };
  const modelMs = performance.now() - start;
  const one = async (step) => {
    const begin = performance.now();
    const { loss, logits } = await trainingPass(model, batch, [step % 2], {
      activations: plan.activations,
      dropout: { seed: 1, step },
    });
    const recordedMs = performance.now() - begin;
    const [value] = await loss.data();
    dispose([loss, logits]);
    await optimizer.step(1e-4);
    gpu.launcher.flush();
    await gpu.device.queue.onSubmittedWorkDone();
    return { recordedMs, totalMs: performance.now() - begin, loss: value };
  };
  const done = [];
  for (let step = 0; step <= steps; step++) done.push(await one(step));
  const median = done.slice(1).sort((a, b) => a.totalMs - b.totalMs)[steps >> 1];
  const { used, allocated } = gpu.launcher.peak;
  let kernels;
  if (gpu.device.features.has('timestamp-query')) {
    const profile = startProfile();
    await one(steps + 1);
    kernels = await profile.stop();
  }
  optimizer.dispose();
  opened.dispose();
  return {
    tokens,
    plan: { ...plan, budgetBytes },
    ...{ modelMs, firstStepMs: done[0].totalMs, recordedMs: median.recordedMs, stepMs: median.totalMs },
    tokensPerSecond: (1000 * tokens) / median.totalMs,
    ...{ peakUsedBytes: used, peakAllocatedBytes: allocated, losses: done.map(({ loss }) => loss) },
    kernels: kernels?.map(({ name, calls, milliseconds }) => [
      name.slice(0, 80),
      calls,
      Number(milliseconds.toFixed(3)),
    ]),
  };
}
