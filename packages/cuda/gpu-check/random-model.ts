/** @file A classifier of the whole 2B shape with random weights, made on the device: no checkpoint is needed. */
import { GEMMA2_2B, type GemmaClassifier, type Layer, linearModules, NORM_NAMES, parameter } from '@arena/gemma';
import { adapterKey, initAdapter, loraConfig, resolveTargets, SCORE_KEY } from '@arena/lora';
import { randomNormal, tensor2d, zeros } from '@tensorflow/tfjs-core';
import { random4bit } from './random-weight.js';

const FIRST_LAYER = 6;

/** The 2B shape, or a small one of as many kinds of parts. */
export function checkedConfig(small: boolean): typeof GEMMA2_2B {
  if (!small) return GEMMA2_2B;
  return {
    ...GEMMA2_2B,
    hiddenSize: 64,
    intermediateSize: 128,
    numHiddenLayers: 8,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    headDim: 32,
  };
}

/** LoRA r 16 on all linears from layer 6 on. */
export function randomModel(config: typeof GEMMA2_2B): GemmaClassifier {
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
  let rows: Float32Array | undefined; // of the one batch that is asked for
  return {
    config,
    attention: 'eager',
    ropeFrequencies: 'float32',
    // rows of random values by id: the table stays off the device anyway
    embedding: {
      vocabSize,
      hiddenSize,
      gather: async (ids, scale) => {
        rows ??= Float32Array.from({ length: ids.length * hiddenSize }, (_, i) => {
          const id = ids[Math.floor(i / hiddenSize)];
          return (scale * Math.sin(id * 12.9898 + (i % hiddenSize) * 78.233)) / Math.sqrt(hiddenSize / 2);
        });
        return rows.slice();
      },
    },
    layers,
    norm: { weight: zeros([hiddenSize]) },
    score: parameter(SCORE_KEY, randomNormal([numLabels, hiddenSize], 0, 0.02) as never),
    lora: { config: lora, targets },
    dispose: async () => {},
  };
}
