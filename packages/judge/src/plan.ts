/** @file Plans a run before it loads weights: its adapter, the batches of its epochs, its memory. */
import { batches, type Packed } from '@arena/data';
import { linearBytes, type MemoryPlan, planMemory } from '@arena/decoder';
import { linearModules } from '@arena/decoder/family';
import { type LoraConfig, type LoraTarget, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import type { MicroBatch } from '@arena/trainer';
import { totalSteps } from '@arena/trainer/optimizer';
import { type Base, withLayers } from './base.js';
import { type ModelCard, quantizationOf } from './card.js';
import { JudgeError } from './error.js';
import { pinnedCommit } from './hub-place.js';
import type { Objective } from './objectives/objective.js';
import type { TrainingSettings } from './settings.js';

/** A new adapter: its configuration, and its target modules. */
export interface NewAdapter {
  config: LoraConfig;
  targets: LoraTarget[];
}

/**
 * The adapter for settings, on this base.
 * @throws JudgeError when the base has fewer layers than the settings ask for, or none to train; LoraError when it has none of the modules.
 */
export function newAdapter(base: Base, settings: TrainingSettings): NewAdapter {
  const { rank, alpha, dropout, targets, firstLayer } = settings;
  const { name, hub, config } = withLayers(base, settings.layers);
  const layers = config.layers.length;
  if (firstLayer >= layers) {
    const there = settings.layers === undefined ? 'the base has' : '`layers` leaves';
    throw new JudgeError(
      'settings',
      `\`firstLayer\` ${firstLayer}: ${there} ${layers} layers (0 to ${layers - 1}), so no layer would be trained`,
    );
  }
  const lora = loraConfig({
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: targets,
    layers_to_transform: Array.from({ length: layers - firstLayer }, (_, i) => firstLayer + i),
    // an id is found on every machine; a path that nothing names stays, for PEFT finds the base there
    base_model_name_or_path: hub?.id ?? name,
    revision: pinnedCommit(name, hub),
  });
  return { config: lora, targets: resolveTargets(lora, linearModules(config)) };
}

/** The batches of each epoch, the number of steps, and the memory plan for the largest batch. */
export interface TrainingPlan {
  batches: (epoch: number) => MicroBatch[];
  totalSteps: number;
  memory: MemoryPlan;
}

/** The style's log odds as numbers to add to the logits: half to A's, minus half to B's, none to a tie's. */
function offsetsOf(rows: Int32Array, style: ArrayLike<number>, { labels }: Objective): Float32Array {
  const width = Math.max(2, labels); // a reward model has one label in each of two sequences
  const offsets = new Float32Array(width * rows.length);
  rows.forEach((row, i) => {
    offsets[width * i] = style[row] / 2;
    offsets[width * i + 1] = -style[row] / 2;
  });
  return offsets;
}

/** Limits on a step. */
export interface MemoryLimits {
  /** Most bytes. A function is called after packing. Default: no limit. */
  memoryBytes?: number | (() => number);
  /** Whether the engine can keep activations in bfloat16 (`Engine.halves`). */
  halves?: boolean;
}

/**
 * Plans the training of a model before it is loaded.
 * @param style Log odds of the answer that is shown first, held fixed in the loss [packed]. Default: none.
 * @throws DecoderError when a step does not fit, with what to lower.
 */
export function planTraining(
  packed: Packed[],
  settings: TrainingSettings,
  base: Base,
  card: Pick<ModelCard, 'quantization'>,
  { targets }: NewAdapter,
  objective: Objective,
  { memoryBytes, halves }: MemoryLimits = {},
  style?: ArrayLike<number>,
): TrainingPlan {
  const { config, stored, file } = base;
  const { batchSize, tokensPerBatch, seed, optimizer, accumulation, epochs } = settings;
  const order = tokensPerBatch ? 'bucketed' : 'hf';
  const epochBatches = (epoch: number) =>
    Array.from(batches(packed, { batchSize, tokensPerBatch, order, seed, epoch }), (batch) => ({
      ...batch,
      labels: objective.targets(batch),
      ...(style ? { logitOffsets: offsetsOf(batch.rows, style, objective) } : {}),
    }));
  const first = epochBatches(0);
  const memory = planMemory({
    config: { ...config, numLabels: objective.labels },
    targets,
    tokens: Math.max(...first.map(({ ids }) => ids.length)),
    quantized: card.quantization !== null || stored === '4bit',
    ...(file ? { linearBytes: linearBytes(file, config, quantizationOf(card, base)) } : {}),
    momentBytes: optimizer === 'adamw-8bit' ? 2 : 8,
    halves,
    budgetBytes: typeof memoryBytes === 'function' ? memoryBytes() : memoryBytes,
  });
  const steps = settings.maxSteps ?? totalSteps(first.length, accumulation, epochs);
  return { batches: epochBatches, totalSteps: steps, memory };
}
