/** @file A training step of the whole 2B shape with random weights, made on the device: no checkpoint is needed. */
import {
  GEMMA2_2B,
  type GemmaClassifier,
  type Layer,
  linearModules,
  lowestTrainedLayer,
  NORM_NAMES,
  parameter,
  planMemory,
  trainableParameters,
  trainingPass,
} from '@arena/gemma';
import { adapterKey, initAdapter, loraConfig, resolveTargets, SCORE_KEY } from '@arena/lora';
import { adamW } from '@arena/trainer';
import { dispose, randomNormal, tensor2d, zeros } from '@tensorflow/tfjs-core';
import { closeCuda, openCuda } from '../src/index.js';
import { random4bit } from './random-weight.js';

const FIRST_LAYER = 6;

/** Seconds, tokens/s and device memory of a step at 1,900 tokens; LoRA r 16 on all linears of layers 6 to 25. */
export async function fullStep(small: boolean, { budgetBytes, bf16 }: { budgetBytes: number; bf16: boolean }) {
  const { backend } = await openCuda({ bf16 });
  const config = small
    ? {
        ...GEMMA2_2B,
        hiddenSize: 64,
        intermediateSize: 128,
        numHiddenLayers: 8,
        numAttentionHeads: 2,
        numKeyValueHeads: 1,
        headDim: 32,
      }
    : GEMMA2_2B;
  const tokens = small ? 60 : 1900;
  const model = randomModel(config);
  const plan = planMemory({
    config,
    targets: model.lora!.targets,
    lowestLayer: lowestTrainedLayer(model),
    tokens,
    quantized: true,
    budgetBytes,
  });
  const optimizer = adamW(trainableParameters(model));
  const batch = {
    ids: Int32Array.from({ length: tokens }, (_, i) => 3 + ((i * 7919) % 250000)),
    offsets: Int32Array.of(0, tokens),
  };
  const steps: { queuedMs: number; totalMs: number; loss: number }[] = [];
  for (let step = 0; step < 4; step++) {
    const start = performance.now();
    const { loss, logits } = await trainingPass(model, batch, [step % 2], { ...plan, dropout: { seed: 1, step } });
    const queuedMs = performance.now() - start;
    const [value] = await loss.data();
    dispose([loss, logits]);
    await optimizer.step(1e-4);
    backend.context.synchronize();
    steps.push({ queuedMs, totalMs: performance.now() - start, loss: value });
  }
  const median = steps.slice(1).sort((a, b) => a.totalMs - b.totalMs)[1];
  const { peakBytes, bytesHeld } = backend.context.allocator;
  optimizer.dispose();
  await closeCuda(backend);
  return {
    ...{ tokens, recomputeLayers: plan.recomputeLayers, firstStepMs: steps[0].totalMs },
    // the time until everything is queued; close to the total when the queue is full
    ...{ queuedMs: median.queuedMs, stepMs: median.totalMs, tokensPerSecond: (1000 * tokens) / median.totalMs },
    ...{ peakBytes, heldBytes: bytesHeld, losses: steps.map(({ loss }) => loss) },
  };
}

function randomModel(config: typeof GEMMA2_2B): GemmaClassifier {
  const { hiddenSize, numHiddenLayers, numLabels, vocabSize } = config;
  const lora = loraConfig({
    r: 16,
    lora_alpha: 32,
    lora_dropout: 0.05,
    target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    layers_to_transform: Array.from({ length: numHiddenLayers - FIRST_LAYER }, (_, i) => FIRST_LAYER + i),
  });
  const modules = linearModules(config);
  const targets = resolveTargets(lora, modules);
  const adapters = initAdapter(lora, targets, 1);
  const layers = Array.from({ length: numHiddenLayers }, (_, index) => {
    const layer = { index, linears: {}, norms: {} } as Layer;
    for (const name of NORM_NAMES) layer.norms[name] = { weight: zeros([hiddenSize]) };
    return layer;
  });
  for (const { layer, name, path, inFeatures, outFeatures } of modules) {
    const weight = random4bit(outFeatures, inFeatures);
    const index = targets.findIndex((target) => target.path === path);
    layers[layer].linears[name] = { path, weight };
    if (index < 0) continue;
    const { r, scaling } = targets[index];
    const { A, B } = adapters.get(path)!;
    layers[layer].linears[name].lora = {
      A: parameter(adapterKey(path, 'lora_A'), tensor2d(A, [r, inFeatures])),
      B: parameter(adapterKey(path, 'lora_B'), tensor2d(B, [outFeatures, r])),
      scaling,
      dropout: lora.lora_dropout,
      index,
    };
  }
  return {
    config,
    attention: 'eager',
    ropeFrequencies: 'float32',
    // rows of random values by id: the table stays off the device anyway
    embedding: {
      vocabSize,
      hiddenSize,
      gather: async (ids, scale) =>
        Float32Array.from({ length: ids.length * hiddenSize }, (_, i) => {
          const id = ids[Math.floor(i / hiddenSize)];
          return (scale * Math.sin(id * 12.9898 + (i % hiddenSize) * 78.233)) / Math.sqrt(hiddenSize / 2);
        }),
    },
    layers,
    norm: { weight: zeros([hiddenSize]) },
    score: parameter(SCORE_KEY, randomNormal([numLabels, hiddenSize], 0, 0.02) as never),
    lora: { config: lora, targets },
    dispose: async () => {},
  };
}
