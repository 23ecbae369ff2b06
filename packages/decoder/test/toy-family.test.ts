/**
 * @file A second family, against the package's public names alone: norm of q and k, two RoPE bases, linear scaling, no caps, a window
 * that binds. Logits and every gradient are held against a model in float64 that is written out here.
 */
import {
  type Classifier,
  type DecoderConfig,
  type Family,
  type LoadOptions,
  loadClassifier,
  planMemory,
  trainableParameters,
  trainingPass,
} from '@arena/decoder';
import { describeCheckpoint, randomCheckpointFiles } from '@arena/decoder/checkpoint';
import { commonConfig, configFields, headCounts, slidingLayers } from '@arena/decoder/family';
import { flattenPadded } from '@arena/decoder/model';
import { bytesFolder, bytesSource } from '@arena/files';
import { loraConfig } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { openSafetensors, serialize } from '@arena/safetensors';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { dispose, memory } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

const toy: Family = {
  modelTypes: ['toy'],
  architectures: ['ToyForCausalLM'],
  classifier: 'ToyForSequenceClassification',
  parseConfig(json, path): DecoderConfig {
    const fields = configFields(json, path);
    const common = commonConfig(fields);
    const { numLayers, heads, keyValueHeads, headDim } = headCounts(fields, { headDim: 4 });
    const window = fields.size('sliding_window');
    const [local, global] = [fields.number('local_theta'), fields.number('global_theta')];
    const factor = fields.number('global_factor', 1);
    const sliding = slidingLayers(fields, numLayers, (layer) => layer % 3 !== 2);
    fields.finish();
    return {
      modelType: 'toy',
      ...common,
      embeddingScale: 1.5,
      layers: sliding.map((slides) => ({
        ...{ heads, keyValueHeads, headDim, scale: 0.4, softcap: 0, qkNorm: true, activation: 'gelu_tanh' as const },
        window: slides ? window : 0,
        rope: { theta: slides ? local : global, factor: slides ? 1 : factor, frequencyDtype: 'float32' as const },
      })),
    };
  },
};

const JSON_CONFIG = {
  architectures: ['ToyForCausalLM'],
  model_type: 'toy',
  vocab_size: 20,
  hidden_size: 12,
  intermediate_size: 10,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  sliding_window: 3,
  local_theta: 100,
  global_theta: 5000,
  global_factor: 8,
  pad_token_id: 0,
  torch_dtype: 'float32',
};

const LABELS = [0, 1];
const SEQUENCES = [
  [2, 7, 11, 5, 19, 3, 8, 4, 13],
  [6, 9, 2, 17],
];
const BATCH = flattenPadded(
  [SEQUENCES[0], [...SEQUENCES[1], 0, 0, 0, 0, 0]],
  [SEQUENCES[0].map(() => 1), [1, 1, 1, 1, 0, 0, 0, 0, 0]],
);

/** Random weights, with norms that are not zero. */
async function toyFiles() {
  const files = randomCheckpointFiles(JSON_CONFIG, [toy], { seed: 5 });
  const file = await openSafetensors(bytesSource(files['model.safetensors']));
  const tensors = [];
  for (const name of file.names()) {
    const tensor = await file.read(name);
    if (!name.includes('norm')) tensors.push(tensor);
    else {
      const values = Float32Array.from({ length: tensor.shape[0] }, (_, i) => 0.3 * Math.sin(i + name.length * 1.7));
      tensors.push({ ...tensor, data: fromFloat32(values, 'F32') });
    }
  }
  return { ...files, 'model.safetensors': serialize(tensors) };
}

const load = async (options: Partial<LoadOptions> = {}) =>
  loadClassifier(bytesFolder(await toyFiles()), { families: [toy], ...options });

/** The model's weights as plain numbers, by checkpoint name. */
async function weightsOf(model: Classifier): Promise<Map<string, Float64Array>> {
  const weights = new Map<string, Float64Array>();
  for (const { name, value } of trainableParameters(model)) weights.set(name, Float64Array.from(await value.data()));
  return weights;
}

/** Mean cross entropy of the batch, in float64, one number at a time. */
function lossInFloat64(weights: Map<string, Float64Array>): number {
  const { hidden_size: width, num_attention_heads: heads, num_key_value_heads: kv, head_dim: D } = JSON_CONFIG;
  const norm = (x: number[], w: Float64Array, at = 0, size = x.length) => {
    const part = x.slice(at, at + size);
    const r = 1 / Math.sqrt(part.reduce((sum, one) => sum + one * one, 0) / size + 1e-6);
    return part.map((one, i) => one * r * (1 + w[i]));
  };
  const times = (x: number[], w: Float64Array) =>
    Array.from({ length: w.length / x.length }, (_, row) =>
      x.reduce((sum, one, i) => sum + one * w[row * x.length + i], 0),
    );
  const plus = (a: number[], b: number[]) => a.map((one, i) => one + b[i]);
  const rotate = (x: number[], position: number, theta: number, factor: number) =>
    x.map((one, i) => {
      const pair = i % (D / 2);
      const angle = (position / factor) * theta ** ((-2 * pair) / D);
      const other = i < D / 2 ? -x[i + D / 2] : x[i - D / 2];
      return one * Math.cos(angle) + other * Math.sin(angle);
    });
  const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  let total = 0;
  for (const [row, ids] of SEQUENCES.entries()) {
    const table = weights.get('model.embed_tokens.weight')!;
    let hidden = ids.map((id) => Array.from(table.subarray(id * width, (id + 1) * width), (one) => 1.5 * one));
    for (let layer = 0; layer < 3; layer++) {
      const get = (name: string) => weights.get(`model.layers.${layer}.${name}.weight`)!;
      const [theta, factor, window] = layer === 2 ? [5000, 8, Infinity] : [100, 1, 3];
      const read = hidden.map((x) => norm(x, get('input_layernorm')));
      const headsOf = (x: number[], count: number, name: string, position: number) =>
        Array.from({ length: count }, (_, h) => rotate(norm(x, get(name), h * D, D), position, theta, factor));
      const q = read.map((x, t) => headsOf(times(x, get('self_attn.q_proj')), heads, 'self_attn.q_norm', t));
      const k = read.map((x, t) => headsOf(times(x, get('self_attn.k_proj')), kv, 'self_attn.k_norm', t));
      const v = read.map((x) => times(x, get('self_attn.v_proj')));
      hidden = hidden.map((x, t) => {
        const o = Array.from({ length: heads }, (_, h) => {
          const group = Math.floor((h * kv) / heads);
          const keys = Array.from({ length: t + 1 }, (_, j) => j).filter((j) => t - j < window);
          const powers = keys.map((j) =>
            Math.exp(0.4 * q[t][h].reduce((sum, one, i) => sum + one * k[j][group][i], 0)),
          );
          const sum = powers.reduce((a, b) => a + b, 0);
          return Array.from({ length: D }, (_, i) =>
            keys.reduce((out, j, n) => out + (powers[n] / sum) * v[j][group * D + i], 0),
          );
        }).flat();
        const h = plus(x, norm(times(o, get('self_attn.o_proj')), get('post_attention_layernorm')));
        const n2 = norm(h, get('pre_feedforward_layernorm'));
        const up = times(n2, get('mlp.up_proj'));
        const m = times(n2, get('mlp.gate_proj')).map((one, i) => gelu(one) * up[i]);
        return plus(h, norm(times(m, get('mlp.down_proj')), get('post_feedforward_layernorm')));
      });
    }
    const logits = times(
      norm(hidden[hidden.length - 1], weights.get('model.norm.weight')!),
      weights.get('score.weight')!,
    );
    total += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[LABELS[row]];
  }
  return total / SEQUENCES.length;
}

describe.each(['cpu', 'wasm'] as const)('a toy family on engine %s', (engine) => {
  test('loss and the gradient of every weight are those of float64', async () => {
    await openEngine(engine, engine === 'wasm' ? { threads: 2 } : {});
    const before = memory().numTensors;
    const model = await load({ trainAll: true });
    const weights = await weightsOf(model);
    expect(weights.size).toBe(1 + 3 * (7 + 6) + 2);
    const { loss, logits } = await trainingPass(model, BATCH, LABELS);
    expect(Math.abs((await loss.data())[0] - lossInFloat64(weights))).toBeLessThan(2e-6);
    dispose([loss, logits]);
    for (const { name, gradient } of trainableParameters(model)) {
      const got = await gradient!.data();
      const values = weights.get(name)!;
      let largest = 0;
      for (let i = 0; i < values.length; i += Math.ceil(values.length / 24)) {
        const value = values[i];
        const at = (moved: number) => {
          values[i] = moved;
          return lossInFloat64(weights);
        };
        const want = (at(value + 1e-4) - at(value - 1e-4)) / 2e-4;
        values[i] = value;
        largest = Math.max(largest, Math.abs(want));
        expect(Math.abs(got[i] - want), `${name} ${i}`).toBeLessThan(2e-6 + 1e-4 * Math.abs(want));
      }
      expect(largest, name).toBeGreaterThan(1e-6); // the values that were looked at do count
    }
    await model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('4-bit with LoRA: recomputed layers give the same gradients', async () => {
    await openEngine(engine, engine === 'wasm' ? { threads: 2 } : {});
    const config = loraConfig({ r: 2, lora_alpha: 4, init_lora_weights: false, target_modules: 'all-linear' });
    const model = await load({ quantization: {}, lora: { config, seed: 1 } });
    const gradients = async (recompute: number) => {
      const { loss, logits } = await trainingPass(model, BATCH, LABELS, { activations: { recompute } });
      dispose([loss, logits]);
      const values = [];
      for (const parameter of trainableParameters(model)) {
        values.push(Array.from(await parameter.gradient!.data()));
        parameter.gradient!.dispose();
        parameter.gradient = null;
      }
      return values;
    };
    const want = await gradients(0);
    const before = memory().numTensors;
    for (const recompute of [1, 3]) expect(await gradients(recompute)).toEqual(want);
    expect(memory().numTensors).toBe(before);
    await model.dispose();
  });
});

test('it is described and planned by the same table', async () => {
  const location = bytesFolder(await toyFiles());
  const description = await describeCheckpoint(location, { families: [toy], tokens: 13 });
  const norms = 3 * (4 * 12 + 2 * 4) + 12;
  expect(description.parts.find(({ name }) => name === 'norms')).toMatchObject({ parameters: norms, bytes: 4 * norms });
  expect(description.unused).toEqual([]);
  const { config } = description;
  expect(planMemory({ config, targets: description.training.targets, tokens: 13, quantized: true }).lowestLayer).toBe(
    0,
  );
  const odd = bytesFolder({
    ...(await toyFiles()),
    'config.json': JSON.stringify({ ...JSON_CONFIG, attention_sinks: 4 }),
  });
  await expect(loadClassifier(odd, { families: [toy] })).rejects.toThrow('attention_sinks is 4');
});
