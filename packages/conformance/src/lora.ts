/** @file Area lora: PEFT's targets, initialisation, files, logits, gradients and merges. */
import { type Classifier, trainableParameters, trainingPass } from '@arena/decoder';
import { type QuantizationOptions, quantizeWeight } from '@arena/decoder/checkpoint';
import { linearModules } from '@arena/decoder/family';
import { flattenPadded, linearsOf } from '@arena/decoder/model';
import type { Location } from '@arena/files';
import { loadGemma, readConfig } from '@arena/gemma';
import {
  type AdapterFiles,
  formatLoraConfig,
  initAdapter,
  type LoraConfig,
  loadAdapter,
  loraConfig,
  serializeAdapter,
} from '@arena/lora';
import { mergeWeight, mergeWeight4bit } from '@arena/lora/merge';
import { initScore, resolveTargets } from '@arena/lora/names';
import { dequantize4bit, type QuantType } from '@arena/quant';
import { Mt19937, normal, uniform } from '@arena/random';
import { openCheckpoint } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { dispose, tensor2d } from '@tensorflow/tfjs-core';
import {
  type Case,
  type Check,
  compare,
  floats,
  folderOf,
  readBytes,
  readJson,
  readTensors,
  same,
  sharedFolder,
  toleranceOf,
} from './case.js';
import { logitsOf, type PaddedBatch } from './gemma.js';

export async function loraCase(one: Case): Promise<Check[]> {
  return one.json.draws ? drawsCase(one) : adapterCase(one);
}

async function adapterCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const base = sharedFolder(one, json.base_model);
  const expected = await readTensors(one, json.expected as string);
  const batches = await readJson<Record<string, PaddedBatch>>(one, 'batches.json');
  const quantization = quantizationOf(json.quantization as Record<string, string> | null);
  const adapter = await loadAdapter(folderOf(one, json.adapter as string));
  const checks = [...(await initChecks(one, base)), ...(await fileChecks(one, adapter))];

  const plain = await loadGemma(base, { quantization });
  for (const [name, batch] of Object.entries(batches)) {
    const want = floats(expected, `${name}.logits_base`);
    checks.push(compare(`${name}.logits_base`, await logitsOf(plain, batch), want, toleranceOf(one, 'logits')));
  }
  await plain.dispose();

  const model = await loadGemma(base, { quantization, adapter });
  for (const [name, batch] of Object.entries(batches)) {
    const want = floats(expected, `${name}.logits`);
    checks.push(compare(`${name}.logits`, await logitsOf(model, batch), want, toleranceOf(one, 'logits')));
    const { loss, logits } = await trainingPass(
      model,
      flattenPadded(batch.input_ids, batch.attention_mask),
      batch.labels,
    );
    checks.push(compare(`${name}.loss`, await loss.data(), [batch.loss!], toleranceOf(one, 'logits')));
    dispose([loss, logits]);
    for (const parameter of trainableParameters(model)) {
      const key = `${name}.grad.${parameter.name}`;
      checks.push(compare(key, await parameter.gradient!.data(), floats(expected, key), toleranceOf(one, 'grad')));
      parameter.gradient!.dispose();
      parameter.gradient = null;
    }
  }
  await model.dispose();
  checks.push(...(await mergeChecks(one, base, adapter, batches)));
  return checks;
}

function quantizationOf(options: Record<string, string> | null): QuantizationOptions | undefined {
  if (!options) return undefined;
  return {
    type: options.bnb_4bit_quant_type as QuantType,
    doubleQuant: options.bnb_4bit_use_double_quant === 'True',
    nestedSearch: 'cpu', // the fixtures come from bitsandbytes' CPU library
  };
}

function configOf(fields: Record<string, unknown>): LoraConfig {
  return loraConfig(fields as Partial<LoraConfig>);
}

async function initChecks(one: Case, base: Location): Promise<Check[]> {
  const { json } = one;
  const config = configOf(json.lora as Record<string, unknown>);
  const targets = resolveTargets(config, linearModules(await readConfig(base)));
  const init = await readTensors(one, json.init as string);
  const weights = initAdapter(config, targets, json.init_seed as number);
  const scaling = Object.fromEntries(targets.map((target) => [target.path, target.scaling]));
  const order = targets.flatMap(({ path }) => ['A', 'B'].map((m) => `base_model.model.${path}.lora_${m}.weight`));
  const checks = [
    same('scaling', scaling, json.scaling),
    same('trainable_in_order', [...order, 'base_model.model.score.weight'], json.trainable_in_order),
  ];
  for (const [path, { A, B }] of weights) {
    const key = `init.base_model.model.${path}.lora_`;
    checks.push(compare(`${key}A`, A, floats(init, `${key}A.weight`), toleranceOf(one, 'init lora_A')));
    checks.push(compare(`${key}B`, B, floats(init, `${key}B.weight`), {}));
  }
  return checks;
}

/** The folder's files written again from what was read. */
async function fileChecks(one: Case, adapter: AdapterFiles): Promise<Check[]> {
  const read = (file: string) => readBytes(one, `${one.json.adapter}/${file}`);
  const sorted = (text: string) => {
    const parsed = JSON.parse(text) as { target_modules: string[] | string };
    // A Python set: its order in the file is arbitrary.
    if (Array.isArray(parsed.target_modules)) parsed.target_modules.sort();
    return parsed;
  };
  const written = formatLoraConfig(adapter.config);
  const original = new TextDecoder().decode(await read('adapter_config.json'));
  const weights = await read('adapter_model.safetensors');
  return [
    compare('adapter_model.safetensors bytes', serializeAdapter(adapter), weights, {}),
    same('adapter_config.json fields', sorted(written), sorted(original)),
    same('adapter_config.json text', written, original),
  ];
}

async function mergeChecks(
  one: Case,
  base: Location,
  adapter: AdapterFiles,
  batches: Record<string, PaddedBatch>,
): Promise<Check[]> {
  const { json } = one;
  const config = await readConfig(base);
  const quantization = quantizationOf(json.quantization as Record<string, string> | null);
  const merged = json.merged ? await readTensors(one, json.merged as string) : undefined;
  const expected = await readTensors(one, json.expected as string);
  const checkpoint = await openCheckpoint(base);
  const model = await loadGemma(base, { quantization, adapter });
  const checks: Check[] = [];
  for (const target of resolveTargets(adapter.config, linearModules(config))) {
    const name = `${target.path}.weight`;
    const shape: [number, number] = [target.outFeatures, target.inFeatures];
    const values = toFloat32(await checkpoint.read(name));
    const lora = adapter.weights.get(target.path)!;
    const weight = quantization
      ? dequantize4bit(mergeWeight4bit(quantizeWeight(values, shape, config, quantization), lora, target))
      : mergeWeight(values, lora, target);
    if (merged) checks.push(compare(`merged ${name}`, weight, floats(merged, name), toleranceOf(one, 'merged')));
    replaceWeight(model, target.path, weight, shape);
  }
  for (const [name, batch] of Object.entries(batches)) {
    const want = floats(expected, `${name}.logits_merged`);
    checks.push(
      compare(`${name}.logits_merged`, await logitsOf(model, batch), want, toleranceOf(one, 'logits_merged')),
    );
  }
  await model.dispose();
  await checkpoint.close();
  return checks;
}

/** Puts a merged float matrix in the place of a module's weight and adapter. */
function replaceWeight(model: Classifier, path: string, weight: Float32Array, shape: [number, number]) {
  for (const linear of model.layers.flatMap(linearsOf)) {
    if (linear.path !== path) continue;
    linear.weight = { kind: 'float', tensor: tensor2d(weight, shape) };
    linear.lora = undefined;
  }
}

interface Draw {
  key: string;
  seed: number;
  in_features: number;
  out_features: number;
  r: number;
  init_lora_weights: boolean | 'gaussian';
}

async function drawsCase(one: Case): Promise<Check[]> {
  const tensors = await readTensors(one, one.json.tensors as string);
  const exact = toleranceOf(one, 'lora_A (kaiming), rand20');
  const close = toleranceOf(one, 'gaussian lora_A, randn, score');
  return (one.json.draws as Draw[]).flatMap(({ key, seed, in_features, out_features, r, init_lora_weights: init }) => {
    const modules = ['q_proj', 'v_proj'].map((path) => ({ path, inFeatures: in_features, outFeatures: out_features }));
    const config = loraConfig({ r, lora_alpha: 1, init_lora_weights: init, modules_to_save: null, task_type: null });
    const checks: Check[] = [];
    for (const [path, { A }] of initAdapter(config, resolveTargets(config, modules), seed)) {
      const name = `${key}.${path}.lora_A`;
      checks.push(compare(name, A, floats(tensors, name), init === 'gaussian' ? close : exact));
    }
    const draws: [string, Float32Array, typeof exact][] = [
      ['rand20', uniform(new Mt19937(seed), 20), exact],
      ['randn40', normal(new Mt19937(seed), 40), close],
      ['randn7', normal(new Mt19937(seed), 7), close],
      ['score_2x64_std0.02', initScore(2, 64, seed), close],
    ];
    for (const [name, got, tolerance] of draws) {
      checks.push(compare(`${key}.${name}`, got, floats(tensors, `${key}.${name}`), tolerance));
    }
    return checks;
  });
}
