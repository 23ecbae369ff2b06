/** @file What a training step of a given length takes, item by item, and how many layers to recompute to stay in a budget. */
import type { LoraTarget } from '@arena/lora';
import { type GemmaConfig, linearModules } from './config.js';

/** Bytes of each part of a training step on engine `wasm` or `cpu`. */
export interface MemoryPlan {
  /** Frozen linear weights: 4-bit codes and statistics, or float32. */
  weights: number;
  /** Adapters and head: value, gradient and two moments. */
  adapters: number;
  /** What the backward pass keeps of the layers that are not recomputed, and the input of each. */
  saved: number;
  /** The largest layer at work: its activations, their gradients, and packing buffers. */
  working: number;
  total: number;
  /** Layers of the backward pass that run forward a second time. */
  recomputeLayers: number;
  /** Whether saved activations should leave the engine's memory, because they would not fit beside the rest. */
  offload: boolean;
}

export interface MemoryPlanOptions {
  config: GemmaConfig;
  targets: LoraTarget[];
  /** The lowest layer that trains anything. */
  lowestLayer: number;
  /** Tokens of the largest batch. */
  tokens: number;
  quantized: boolean;
  /** The step must fit in this many bytes. Default: nothing is recomputed. */
  budgetBytes?: number;
}

/** Activations beyond this leave a wasm engine's 4 GiB. */
const HEAP_BYTES = 3.5 * 2 ** 30;

/**
 * Plans a step: keeps the activations of as many layers as the budget allows.
 * @throws RangeError when even recomputing every layer would not fit, with what to lower.
 */
export function planMemory(options: MemoryPlanOptions): MemoryPlan {
  const { config, targets, lowestLayer, tokens, quantized, budgetBytes = Infinity } = options;
  const { numHiddenLayers, numLabels, hiddenSize } = config;
  const layers = numHiddenLayers - lowestLayer;
  const linears = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const trained = targets.reduce((sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures), 0);
  const weights = Math.ceil(linears * (quantized ? BYTES_4BIT : 4));
  const adapters = 16 * (trained + numLabels * hiddenSize);
  const perLayer = 4 * tokens * savedWidth(config);
  const input = 4 * tokens * hiddenSize;
  // At the widest point of the backward pass: dgate, dup, dm and the packed operands beside them.
  const working = perLayer + 4 * tokens * (5 * config.intermediateSize + 6 * hiddenSize);
  const at = (recomputeLayers: number): MemoryPlan => {
    const saved = layers * input + Math.max(0, layers - recomputeLayers - 1) * perLayer;
    const total = weights + adapters + saved + working;
    return { weights, adapters, saved, working, total, recomputeLayers, offload: total > HEAP_BYTES };
  };
  for (let recomputeLayers = 0; recomputeLayers <= layers; recomputeLayers++) {
    const plan = at(recomputeLayers);
    if (plan.total <= budgetBytes) return plan;
  }
  const least = at(layers);
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  throw new RangeError(
    `a step of ${tokens} tokens takes ${gib(least.total)} even when every layer is recomputed, the budget is ` +
      `${gib(budgetBytes)}: lower the tokens of a batch, or raise the budget`,
  );
}

/** 4 bits a weight, 8 a block of 64, and the nested statistics. */
const BYTES_4BIT = (4 + 8 / 64 + 32 / (64 * 256)) / 8;

/** float32 values a token that blockForward keeps: q, k, v, o, a, h, gate, up, d (and lse and t, which are small). */
function savedWidth({
  hiddenSize,
  intermediateSize,
  numAttentionHeads,
  numKeyValueHeads,
  headDim,
}: GemmaConfig): number {
  return 2 * numAttentionHeads * headDim + 2 * numKeyValueHeads * headDim + 3 * hiddenSize + 2 * intermediateSize;
}
