/** @file What a training step of a given length takes, item by item, and how many layers to recompute to stay in a budget. */
import type { LoraTarget } from '@arena/lora';
import { type GemmaConfig, linearModules } from './config.js';

/** Bytes of each part of a training step on engine `wasm` or `cpu`, at its widest moment. */
export interface MemoryPlan {
  /** The lowest layer that trains anything. */
  lowestLayer: number;
  /** Frozen weights: linears as 4-bit codes and statistics or in float32, and norms. */
  weights: number;
  /** Adapters and head: value, gradient and two moments. */
  adapters: number;
  /** What the backward pass keeps of the layers that are not recomputed, and the input of each. */
  saved: number;
  /** The layer at work: its activations and their gradients. */
  working: number;
  total: number;
  /** Layers of the backward pass that run forward a second time. */
  recomputeLayers: number;
  /** Whether saved activations should leave the engine's memory, because they would not fit beside the rest. */
  offload: boolean;
  /** Whether the wider of the kept activations are rounded to bfloat16, which saves recomputing some layers. */
  halve: boolean;
}

/** The step that is planned. `quantized`: linears are 4-bit in blocks of 64 with nested statistics, else float32. */
export interface MemoryPlanOptions {
  config: GemmaConfig;
  /** What adapters are trained on; nothing below the lowest of them is kept. */
  targets: LoraTarget[];
  /** Tokens of the largest batch. */
  tokens: number;
  quantized: boolean;
  /** Bytes of the optimizer's two moments of a trained value. Default 8, float32. */
  momentBytes?: number;
  /** Whether the engine can keep activations in bfloat16 (see `Engine.halves`); it is done when they would not all fit in float32. Default false. */
  halves?: boolean;
  /** The step must fit in this many bytes. Default: nothing is recomputed. */
  budgetBytes?: number;
}

/** Activations beyond this leave a wasm engine's 4 GiB. */
const HEAP_BYTES = 3.5 * 2 ** 30;

/**
 * Plans a step: keeps the activations of as many layers as the budget allows. The widest moment is the backward pass of the
 * layer below the last (in the last, little leaves but K and V), when the inputs of all trained layers below it and
 * what they kept are still there. Agrees with engine `wasm`'s heap to a few percent (test/memory.test.ts).
 * @throws RangeError when even recomputing every layer would not fit, with what to lower.
 */
export function planMemory(options: MemoryPlanOptions): MemoryPlan {
  const { config, targets, tokens, quantized, momentBytes = 8, halves = false, budgetBytes = Infinity } = options;
  const { numHiddenLayers, numLabels, hiddenSize } = config;
  const modules = linearModules(config);
  const targeted = new Set(targets.map(({ path }) => path));
  const lowestLayer = modules.find(({ path }) => targeted.has(path))?.layer ?? numHiddenLayers;
  const layers = numHiddenLayers - lowestLayer;
  const linears = modules.reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const trained = targets.reduce((sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures), 0);
  const norms = (4 * numHiddenLayers + 1) * hiddenSize;
  const weights = Math.ceil(linears * (quantized ? BYTES_4BIT : 4)) + 4 * norms;
  const adapters = (8 + momentBytes) * (trained + numLabels * hiddenSize);
  const rank = targets.reduce((sum, { r }) => sum + r, 0) / Math.max(1, layers);
  const widths = layerWidths(config, rank);
  const bytes = (width: number) => Math.ceil(4 * tokens * width);
  const below = Math.max(0, layers - 1); // trained layers below the last
  const working = bytes(below ? widths.saved + widths.backward : widths.forward);
  const at = (recomputeLayers: number, halve: boolean): MemoryPlan => {
    const half = (width: number) => (halve ? width / 2 : 0);
    const whole = bytes(widths.saved - half(widths.halved));
    const again = bytes(widths.again - half(hiddenSize));
    const waiting = Math.max(0, below - 1); // layers below the one at work
    const recomputed = Math.min(recomputeLayers, waiting);
    const saved = below * bytes(hiddenSize) + recomputed * again + (waiting - recomputed) * whole;
    const total = weights + adapters + saved + working;
    const offload = total > HEAP_BYTES;
    return { lowestLayer, weights, adapters, saved, working, total, recomputeLayers, offload, halve };
  };
  const all = at(0, false);
  if (all.total <= budgetBytes) return all;
  for (let recomputeLayers = 0; recomputeLayers <= layers; recomputeLayers++) {
    const plan = at(recomputeLayers, halves);
    if (plan.total <= budgetBytes) return plan;
  }
  const least = at(layers, halves);
  const size = (bytes: number) => (bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);
  throw new RangeError(
    `a step of ${tokens} tokens takes ${size(least.total)} even when every layer is recomputed, the budget is ` +
      `${size(budgetBytes)}: lower the tokens of a batch, or raise the budget`,
  );
}

/** 4 bits a weight, 8 a block of 64, and the nested statistics. */
const BYTES_4BIT = (4 + 8 / 64 + 32 / (64 * 256)) / 8;

/** float32 values a token of one layer, by what block.ts makes. `rank` is the sum of the ranks of a layer's adapters. */
function layerWidths(config: GemmaConfig, rank: number) {
  const { hiddenSize: h, intermediateSize: i, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const q = numAttentionHeads * headDim;
  const kv = numKeyValueHeads * headDim;
  const lse = numAttentionHeads;
  return {
    /** What blockForward keeps: q, o; k, v; a, h, d; gate, up; and each adapter's x A^T. */
    saved: 2 * q + 2 * kv + 3 * h + 2 * i + lse + rank,
    /** What a layer keeps that is recomputed: d, and x A^T of down_proj, which is next to nothing. */
    again: h,
    /** What of that block.ts's HALVED names. */
    halved: 2 * q + 2 * kv + 2 * h + 2 * i,
    /** Beside it in the backward pass of down_proj: dy, its gradient through the norm and packed, x, dx and dropout's part of dx. */
    backward: 3 * h + 3 * i,
    /** The forward pass of down_proj: its input, as it is and packed, and the layer's. */
    forward: 2 * q + 2 * kv + 4 * h + 4 * i + lse,
  };
}
