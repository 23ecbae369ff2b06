/** @file A checkpoint with an adapter folded in, or in 4 bits: views that `writeCheckpoint` writes, on a page too. */

import type { Location, Weights } from '@arena/files';
import { placeName } from '@arena/files/source';
import { checkAdapter, loadAdapter } from '@arena/lora';
import { type MergedWeights, mergedWeights } from '@arena/lora/merge';
import { resolveTargets } from '@arena/lora/names';
import { quantizationConfig, quantizedWeights } from '@arena/quant';
import { engineBlocks } from '@arena/quant/ops';
import { editJson } from '@arena/safetensors/json';
import { type CheckpointSource, type CheckpointView, configText, weightsOf } from './checkpoint-view.js';
import type { Family } from './config.js';
import { familyOf, readConfig } from './family.js';
import { isSkipped, type QuantizationOptions } from './frozen-weight.js';
import { linearModules } from './tensors.js';

/** What {@link mergedCheckpoint} gives. */
export type MergedCheckpoint = CheckpointView<MergedWeights>;

/**
 * The base with the adapter folded in, as a classifier of the adapter's labels.
 * @param base A checkpoint in Hugging Face format: its folder's path (Node) or address, a function that opens its files, or
 * one that is open, which the view's weights then close.
 * @param adapter A PEFT adapter's folder: its path or address, or a function that opens its files.
 * @param options `labels`: names of the head's labels in config.json, LABEL_0 and so on where none are given.
 * @throws Error naming what is missing, of another shape, or of another base.
 */
export async function mergedCheckpoint(
  base: CheckpointSource,
  adapter: Location,
  { families, labels }: { families: Family[]; labels?: readonly string[] },
): Promise<MergedCheckpoint> {
  const files = await loadAdapter(adapter);
  const config = await readConfig(base, { families });
  const targets = resolveTargets(files.config, linearModules(config));
  checkAdapter(files, targets, placeName(adapter));
  const fields = files.score ? classifierFields(config.modelType, families, files.score.shape[0], labels) : {};
  return view(base, fields, (weights) => mergedWeights(weights, files, targets, config.dtype));
}

/** How a checkpoint becomes 4-bit; its values are rounded to the checkpoint's own type unless another is given. */
export interface QuantizedCheckpointOptions extends Omit<QuantizationOptions, 'skipModules'> {
  /** Which families of models are taken: see `@arena/gemma`. */
  families: Family[];
  /** Called at the start, and after each matrix. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * The checkpoint with its linear layers in 4 bits, as bitsandbytes and transformers save it. Modules that its config.json
 * skips stay in float. The codes of the whole model are held.
 * @throws Error naming what is missing, of another model, or quantised already.
 */
export async function quantizedCheckpoint(
  base: CheckpointSource,
  { families, type = 'nf4', doubleQuant = true, dtype, ...options }: QuantizedCheckpointOptions,
): Promise<CheckpointView> {
  const config = await readConfig(base, { families });
  const modules = linearModules(config).filter(({ path }) => !isSkipped(path, config.skipModules));
  const names = modules.map(({ path }) => `${path}.weight`);
  const fields = { quantization_config: quantizationConfig({ type, doubleQuant }) };
  return view(base, fields, (weights) =>
    quantizedWeights(weights, {
      ...options,
      names,
      type,
      doubleQuant,
      dtype: dtype ?? config.dtype,
      blocks: engineBlocks,
    }),
  );
}

async function view<W extends Weights>(
  base: CheckpointSource,
  fields: Record<string, unknown>,
  make: (weights: Weights) => Promise<W>,
): Promise<CheckpointView<W>> {
  const { text } = await configText(base);
  const weights = await weightsOf(base);
  try {
    return { weights: await make(weights), config: editJson(text, fields, FLOATS) };
  } catch (error) {
    await weights.close();
    throw error;
  }
}

/** Fields of a config.json that transformers 5 refuses as whole numbers. */
const FLOATS: ReadonlySet<string> = new Set([
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'llm_int8_threshold',
  'rms_norm_eps',
]);

function classifierFields(modelType: string, families: Family[], numLabels: number, names?: readonly string[]) {
  const labels = Array.from({ length: numLabels }, (_, i) => [names?.[i] ?? `LABEL_${i}`, i] as const);
  return {
    architectures: [familyOf({ model_type: modelType }, families, 'config.json').classifier],
    id2label: Object.fromEntries(labels.map(([label, i]) => [i, label])),
    label2id: Object.fromEntries(labels),
  };
}
