/** @file A classifier of the whole 2B shape with random weights, made on the device: no checkpoint is needed. */
import type { Classifier, DecoderConfig } from '@arena/decoder';
import { linearModules, tensorTable } from '@arena/decoder/family';
import { emptyLayer, type Linear, putModule, uploadLora } from '@arena/decoder/model';
import { GEMMA2_2B, gemma2 } from '@arena/gemma';
import { initAdapter, loraConfig } from '@arena/lora';
import { resolveTargets, SCORE_KEY } from '@arena/lora/names';
import { parameter } from '@arena/runtime';
import { randomNormal, zeros } from '@tensorflow/tfjs-core';
import { random4bit } from './random-weight.js';

const FIRST_LAYER = 6;

/** The 2B shape, or a small one of as many kinds of parts. */
export function checkedConfig(small: boolean): DecoderConfig {
  const sizes = {
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 8,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 32,
  };
  return gemma2.parseConfig({ ...GEMMA2_2B, ...(small ? sizes : {}) }, 'config.json');
}

/** LoRA r 16 on all linears from layer 6 on. */
export function randomModel(config: DecoderConfig): Classifier {
  const { hiddenSize, numLabels, vocabSize } = config;
  const numHiddenLayers = config.layers.length;
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
  const layers = config.layers.map((shape, index) => emptyLayer(index, shape));
  for (const place of tensorTable(config)) {
    if (place.role === 'norm') putModule(layers[place.layer], place.module, { weight: zeros([place.shape[0]]) });
    if (place.role !== 'linear') continue;
    const [outFeatures, inFeatures] = place.shape;
    const linear: Linear = { path: place.path, weight: random4bit(outFeatures, inFeatures) };
    putModule(layers[place.layer], place.module, linear);
    const index = targets.findIndex(({ path }) => path === place.path);
    if (index >= 0) linear.lora = uploadLora(targets[index], index, adapters.get(place.path)!, lora);
  }
  let rows: Float32Array | undefined; // of the one batch that is asked for
  return {
    config,
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
