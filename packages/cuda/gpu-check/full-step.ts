/** @file A training step of the whole 2B shape with random weights, made on the device: no checkpoint is needed. */
import { type DecoderConfig, type FlatBatch, planMemory, trainableParameters, trainingPass } from '@arena/decoder';
import { clearGradient, type Profile, startProfile } from '@arena/runtime';
import { adamW } from '@arena/trainer';
import { dispose } from '@tensorflow/tfjs-core';
import { closeCuda, openCuda } from '../src/device/index.js';
import { randomModel } from './random-model.js';

export interface StepOptions {
  config: DecoderConfig;
  tokens: number;
  budgetBytes: number;
  bf16: boolean;
  cublasLt: boolean;
}

/** Seconds, tokens/s and device memory of a step, at most `budgetBytes`; LoRA r 16 on all linears from layer 6 on. */
export async function fullStep({ config, tokens, budgetBytes, bf16, cublasLt }: StepOptions) {
  const { backend } = await openCuda({ bf16, cublasLt, budget: budgetBytes });
  const model = randomModel(config);
  const plan = planMemory({
    config,
    targets: model.lora!.targets,
    tokens,
    quantized: true,
    halves: bf16,
    budgetBytes: 0.9 * budgetBytes,
  });
  const optimizer = adamW(trainableParameters(model));
  const batch = batchOf(tokens);
  const steps: { queuedMs: number; totalMs: number; loss: number }[] = [];
  let profile: Profile | undefined;
  for (let step = 0; step < 7; step++) {
    if (step === 6) profile = startProfile(); // makes it slower: not counted
    const start = performance.now();
    const { loss, logits } = await trainingPass(model, batch, [step % 2], {
      activations: plan.activations,
      dropout: { seed: 1, step },
    });
    const queuedMs = performance.now() - start;
    const values = loss.data();
    await optimizer.step(1e-4, values);
    const [value] = await values;
    dispose([loss, logits]);
    backend.context.synchronize();
    steps.push({ queuedMs, totalMs: performance.now() - start, loss: value });
  }
  const kernels = await profile!.stop();
  const median = steps.slice(1, -1).sort((a, b) => a.totalMs - b.totalMs)[2];
  const { peakBytes, bytesHeld } = backend.context.allocator;
  optimizer.dispose();
  await closeCuda(backend);
  return {
    ...{
      tokens,
      bf16,
      cublasLt,
      recomputeLayers: plan.activations.recompute,
      halve: plan.activations.half,
      firstStepMs: steps[0].totalMs,
    },
    // the time until everything is queued; close to the total when the queue is full
    ...{ queuedMs: median.queuedMs, stepMs: median.totalMs, tokensPerSecond: (1000 * tokens) / median.totalMs },
    ...{ peakBytes, heldBytes: bytesHeld, losses: steps.map(({ loss }) => loss) },
    gpuMs: kernels.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    launches: kernels.reduce((sum, { calls }) => sum + calls, 0),
    kernels: kernels
      .slice(0, 24)
      .map(({ name, calls, milliseconds }) => `${name} ${calls}x ${milliseconds.toFixed(2)}`),
  };
}

/**
 * How far loss, logits and gradients of a step with bf16 are from those in float32, of the same weights, with kept activations in
 * float32 and in bfloat16; the gradients by their norm.
 */
export async function agreement(config: DecoderConfig, tokens: number, cublasLt: boolean) {
  const { backend } = await openCuda();
  const model = randomModel(config);
  const parameters = trainableParameters(model);
  const pass = async (bf16: boolean, halve: boolean) => {
    await openCuda({ bf16, cublasLt });
    const { loss, logits } = await trainingPass(model, batchOf(tokens), [1], {
      activations: { half: halve },
      dropout: { seed: 1, step: 0 },
    });
    const gradients = new Map<string, Float32Array>();
    for (const parameter of parameters) {
      if (parameter.gradient) gradients.set(parameter.name, (await parameter.gradient.data()) as Float32Array);
      clearGradient(parameter);
    }
    const result = { loss: (await loss.data())[0], logits: Array.from(await logits.data()), gradients };
    dispose([loss, logits]);
    return result;
  };
  const want = await pass(false, false);
  const got = await pass(true, false);
  const halved = await pass(true, true);
  await closeCuda(backend);
  return {
    loss: got.loss,
    floatLoss: want.loss,
    logits: got.logits,
    floatLogits: want.logits,
    gradients: want.gradients.size,
    ...distance(got.gradients, want.gradients),
    halved: distance(halved.gradients, want.gradients),
  };
}

/** |got - want| / |want| of all gradients together, and the cosine between them. */
function distance(got: ReadonlyMap<string, Float32Array>, want: ReadonlyMap<string, Float32Array>) {
  let [difference, norm, product, own] = [0, 0, 0, 0];
  for (const [name, values] of want) {
    const other = got.get(name)!;
    for (let i = 0; i < values.length; i++) {
      difference += (other[i] - values[i]) ** 2;
      norm += values[i] ** 2;
      own += other[i] ** 2;
      product += values[i] * other[i];
    }
  }
  return { gradientError: Math.sqrt(difference / norm), cosine: product / Math.sqrt(norm * own) };
}

function batchOf(tokens: number): FlatBatch {
  return {
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 7919) % 250000)),
    offsets: Int32Array.of(0, tokens),
  };
}
