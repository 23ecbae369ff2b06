/** @file A PEFT adapter folder, both ways: adapter_config.json, adapter_model.safetensors and a model card. */

import { type Location, writeFolder } from '@arena/files';
import { openerAt, placeName } from '@arena/files/source';
import { readTextAt } from '@arena/files/text';
import { openSafetensors, type SafeTensor, serialize } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { PREFIX, readAdapterKey } from './adapter-keys.js';
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
  // a path of this machine helps nobody, and the hub refuses a card with one
  const head =
    base && /^\w[\w.-]*\/\w[\w.-]*$/.test(base)
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
  if (!source) throw new LoraError('not_found', await whyNoWeights(location));
  try {
    const file = await openSafetensors(source);
    return await readAdapter(file, config, source.name);
  } finally {
    await source.close?.();
  }
}

/** Why there are no weights that can be read. */
async function whyNoWeights(location: Location): Promise<string> {
  const place = placeName(location);
  const open = openerAt(location);
  for (const name of ['adapter_model.bin', 'pytorch_model.bin']) {
    const pickled = await open(name);
    if (!pickled) continue;
    await pickled.close?.();
    return `${place}/${name}: is torch's pickle, which can run code when it is opened, and is not read here; where you trust it: python -c "import torch, safetensors.torch as s; s.save_file({k: v.contiguous() for k, v in torch.load('${name}', weights_only=True).items()}, 'adapter_model.safetensors', {'format': 'pt'})"`;
  }
  return `${place}/adapter_model.safetensors: cannot be read (ENOENT); the adapter's weights`;
}

/** Largest adapter_config.json to read. It holds lists of layers and patterns. */
const MAX_CONFIG_BYTES = 1e6;

async function readAdapter(
  file: Awaited<ReturnType<typeof openSafetensors>>,
  config: LoraConfig,
  name: string,
): Promise<AdapterFiles> {
  const fail = (message: string): never => {
    throw new LoraError('weights', `${name}: ${message}`);
  };
  const { pairs, head } = adapterParts([...file.tensors.keys()], fail);
  const matrix = async (key: string) => {
    const { shape } = file.tensors.get(key)!;
    if (shape.length !== 2) fail(`'${key}' has shape [${shape}], a matrix is expected`);
    return { values: toFloat32(await file.read(key)), shape: [shape[0], shape[1]] as [number, number] };
  };
  const weights: AdapterFiles['weights'] = new Map();
  for (const [path, { lora_A: keyA, lora_B: keyB }] of pairs) {
    const A = keyA === undefined ? fail(`'${keyB}' has no lora_A beside it`) : await matrix(keyA);
    const B = keyB === undefined ? fail(`'${keyA}' has no lora_B beside it`) : await matrix(keyB);
    if (B.shape[1] !== A.shape[0]) fail(`'${keyA}' has rank ${A.shape[0]}, its lora_B [${B.shape}]`);
    weights.set(textPath(path), { A: A.values, B: B.values, r: A.shape[0] });
  }
  const score = head === undefined ? undefined : await matrix(head);
  return { config: textConfig(config, [...pairs.keys()]), weights, score };
}

/** The keys of each module's matrices by the path that the file gives it, and of the head. */
function adapterParts(keys: string[], fail: (message: string) => never) {
  const pairs = new Map<string, { lora_A?: string; lora_B?: string }>();
  const adapters = new Set<string>();
  const paths = new Map<string, string>();
  let head: string | undefined;
  for (const key of keys) {
    const read = readAdapterKey(key);
    if (typeof read === 'string') fail(`'${key}' ${read}`);
    else if (read.kind !== 'passed') {
      if (read.adapter !== undefined) adapters.add(read.adapter);
      if (read.kind === 'head') {
        if (head !== undefined) fail(`'${head}' and '${key}' are both the score head`);
        head = key;
        continue;
      }
      const { kind, path } = read;
      const part = partBesideText(path);
      if (part) fail(`'${key}' adapts the ${part} of a multimodal model; only its language_model is computed here`);
      const pair = pairs.get(path) ?? {};
      const other = pair[kind] ?? (paths.get(textPath(path)) !== path ? paths.get(textPath(path)) : undefined);
      if (other !== undefined) fail(`'${other}' and '${key}' are the same matrix of ${textPath(path)}`);
      paths.set(textPath(path), path);
      pairs.set(path, { ...pair, [kind]: key });
    }
  }
  if (adapters.size > 1) fail(`holds several adapters (${[...adapters].sort().join(', ')}): save one of them alone`);
  if (!pairs.size) fail('no lora_A or lora_B in it');
  return { pairs, head };
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
