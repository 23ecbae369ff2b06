/** @file A PEFT adapter folder, both ways: adapter_config.json, adapter_model.safetensors and a model card. */

import { type Location, writeFolder } from '@arena/files';
import { openerAt, placeName } from '@arena/files/source';
import { readTextAt } from '@arena/files/text';
import { openSafetensors, type SafeTensor, serialize } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { formatLoraConfig, type LoraConfig, parseLoraConfig } from './config.js';
import { LoraError } from './error.js';

import type { LoraWeights } from './init.js';
import type { LoraTarget } from './targets.js';
import { partBesideText, textConfig, textPath } from './text-names.js';

/** An adapter on the host. */
export interface AdapterFiles {
  config: LoraConfig;
  /** By module path. */
  weights: Map<string, LoraWeights & { r: number }>;
  /** The classifier head [numLabels, hiddenSize], if the adapter has one. */
  score?: { values: Float32Array; shape: [number, number] };
}

const PREFIX = 'base_model.model.';

/** Key of an adapter matrix in adapter_model.safetensors. */
export function adapterKey(path: string, matrix: 'lora_A' | 'lora_B'): string {
  return `${PREFIX}${path}.${matrix}.weight`;
}

/** Key of the classifier head. */
export const SCORE_KEY = `${PREFIX}score.weight`;

/** The bytes of adapter_model.safetensors: equal to PEFT's for equal values. */
export function serializeAdapter({ weights, score }: AdapterFiles): Uint8Array {
  const tensors: SafeTensor[] = [];
  for (const [path, { A, B, r }] of weights) {
    tensors.push(float32Tensor(adapterKey(path, 'lora_A'), A, [r, A.length / r]));
    tensors.push(float32Tensor(adapterKey(path, 'lora_B'), B, [B.length / r, r]));
  }
  if (score) tensors.push(float32Tensor(SCORE_KEY, score.values, score.shape));
  return serialize(tensors, { format: 'pt' });
}

function float32Tensor(name: string, values: Float32Array, shape: number[]): SafeTensor {
  return { name, dtype: 'F32', shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** The files of an adapter folder, by name: for {@link saveAdapter}, a download from a page, an archive. */
export function adapterFolder(adapter: AdapterFiles): Record<string, Uint8Array> {
  const text = (content: string) => new TextEncoder().encode(content);
  return {
    'adapter_config.json': text(formatLoraConfig(adapter.config)),
    'adapter_model.safetensors': serializeAdapter(adapter),
    'README.md': text(modelCard(adapter.config)),
  };
}

/**
 * Writes an adapter folder that PEFT loads (Node). The folder appears whole or not at all, and replaces an older one.
 * @param extra More files for the folder, by name.
 * @example
 * await saveAdapter('copy', await loadAdapter('run/adapter'));
 */
export async function saveAdapter(
  directory: string,
  adapter: AdapterFiles,
  extra: Record<string, string | Uint8Array> = {},
): Promise<void> {
  await writeFolder(directory, { ...adapterFolder(adapter), ...extra });
}

function modelCard({ base_model_name_or_path: base }: LoraConfig): string {
  const head = base
    ? `base_model: ${base}\nlibrary_name: peft\ntags:\n- base_model:adapter:${base}\n- lora`
    : 'library_name: peft\ntags:\n- lora';
  return `---\n${head}\n---\n\nA LoRA adapter with a sequence-classification head, trained with Arena on human preference votes.\n`;
}

/**
 * Reads an adapter folder: on disk (Node), on the web, or anywhere, by a function that opens its files.
 * @throws LoraError naming a file or tensor that is missing, unknown, or of another shape.
 * @example
 * const { config, weights, score } = await loadAdapter('run/adapter');
 */
export async function loadAdapter(location: Location): Promise<AdapterFiles> {
  const place = placeName(location);
  const configPath = `${place}/adapter_config.json`;
  const text = await readTextAt(location, 'adapter_config.json', {
    maxBytes: MAX_CONFIG_BYTES,
    fail: (reason) => new LoraError('config', `${configPath}: ${reason}`),
  });
  if (text === null)
    throw new LoraError(
      'not_found',
      `${configPath}: cannot be read (ENOENT); an adapter folder as PEFT writes it is expected`,
    );
  const config = parseLoraConfig(text, configPath);
  const source = await openerAt(location)('adapter_model.safetensors');
  if (!source)
    throw new LoraError(
      'not_found',
      `${place}/adapter_model.safetensors: cannot be read (ENOENT); the adapter's weights`,
    );
  try {
    const file = await openSafetensors(source);
    return await readAdapter(file, config, source.name);
  } finally {
    await source.close?.();
  }
}

/** Largest adapter_config.json to read. It holds lists of layers and patterns. */
const MAX_CONFIG_BYTES = 1e6;

async function readAdapter(
  file: Awaited<ReturnType<typeof openSafetensors>>,
  config: LoraConfig,
  name: string,
): Promise<AdapterFiles> {
  const weights: AdapterFiles['weights'] = new Map();
  let score: AdapterFiles['score'];
  const paths: string[] = [];
  const suffix = /^base_model\.model\.(.+)\.lora_(A|B)\.weight$/;
  for (const [key, { shape }] of file.tensors) {
    if (shape.length !== 2)
      throw new LoraError('weights', `${name}: '${key}' has shape [${shape}], a matrix is expected`);
    const match = suffix.exec(key);
    if (key === SCORE_KEY) {
      score = { values: toFloat32(await file.read(key)), shape: [shape[0], shape[1]] };
    } else if (!match) {
      throw new LoraError('weights', `${name}: '${key}' is neither a lora_A, a lora_B nor the score head`);
    } else if (partBesideText(match[1])) {
      const part = partBesideText(match[1]);
      throw new LoraError(
        'weights',
        `${name}: '${key}' adapts the ${part} of a multimodal model, of which the language_model alone is computed here`,
      );
    } else if (match[2] === 'A') {
      const pair = file.tensors.get(adapterKey(match[1], 'lora_B'));
      if (!pair) throw new LoraError('weights', `${name}: '${key}' has no lora_B beside it`);
      if (pair.shape[1] !== shape[0]) {
        throw new LoraError('weights', `${name}: '${key}' has rank ${shape[0]}, its lora_B [${pair.shape}]`);
      }
      const A = toFloat32(await file.read(key));
      const B = toFloat32(await file.read(adapterKey(match[1], 'lora_B')));
      paths.push(match[1]);
      weights.set(textPath(match[1]), { A, B, r: shape[0] });
    } else if (!file.tensors.has(adapterKey(match[1], 'lora_A'))) {
      throw new LoraError('weights', `${name}: '${key}' has no lora_A beside it`);
    }
  }
  if (!weights.size) throw new LoraError('weights', `${name}: no lora_A or lora_B in it`);
  return { config: textConfig(config, paths), weights, score };
}

/**
 * Checks that an adapter's matrices fit its configuration and this model.
 * @throws LoraError naming the first module that differs, with both shapes.
 */
export function checkAdapter(adapter: AdapterFiles, targets: LoraTarget[], name = 'adapter'): void {
  for (const { path, r, inFeatures, outFeatures } of targets) {
    const got = adapter.weights.get(path);
    if (!got) throw new LoraError('weights', `${name}: no matrices for ${path}, which its configuration targets`);
    const shapes = `A [${got.r}, ${got.A.length / got.r}], B [${got.B.length / got.r}, ${got.r}]`;
    if (got.r !== r || got.A.length !== r * inFeatures || got.B.length !== outFeatures * r) {
      throw new LoraError(
        'weights',
        `${name}: ${path} has ${shapes}, this base wants A [${r}, ${inFeatures}], B [${outFeatures}, ${r}]: ` +
          'the adapter belongs to another base or its adapter_config.json to another adapter',
      );
    }
  }
  const known = new Set(targets.map(({ path }) => path));
  const stray = [...adapter.weights.keys()].find((path) => !known.has(path));
  if (stray)
    throw new LoraError(
      'weights',
      `${name}: matrices for ${stray}, which its configuration does not target in this base`,
    );
}
