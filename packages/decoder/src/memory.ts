/** @file What a training step of a given length takes, item by item, and how many layers to recompute to stay in a budget. */
import type { Weights } from '@arena/files';
import type { LoraTarget } from '@arena/lora';
import { type BlockType, blockBytes } from '@arena/quant/ops';
import type { Activations } from './activations.js';
import { attentionWidths } from './attention-half.js';
import type { DecoderConfig } from './config.js';
import { DecoderError } from './error.js';
import { heldAs, type Quantization } from './frozen-weight.js';
import { mlpWidths } from './mlp-half.js';
import { linearModules, tensorTable } from './tensors.js';

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
  /** How the step keeps its activations, for `trainingPass` and `trainable`. */
  activations: Activations;
}

/** The step that is planned. `quantized`: linears are 4-bit in blocks of 64 with nested statistics, else float32. */
export interface MemoryPlanOptions {
  config: DecoderConfig;
  /** What adapters are trained on; nothing below the lowest of them is kept. */
  targets: LoraTarget[];
  /** Tokens of the largest batch. */
  tokens: number;
  quantized: boolean;
  /** Bytes of the frozen linears, where they are held otherwise: see {@link linearBytes}. */
  linearBytes?: number;
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
 * @throws DecoderError when even recomputing every layer would not fit, with what to lower.
 */
export function planMemory(options: MemoryPlanOptions): MemoryPlan {
  const { config, targets, tokens, quantized, momentBytes = 8, halves = false, budgetBytes = Infinity } = options;
  const { numLabels, hiddenSize } = config;
  const numLayers = config.layers.length;
  const modules = linearModules(config);
  const targeted = new Set(targets.map(({ path }) => path));
  const lowestLayer = modules.find(({ path }) => targeted.has(path))?.layer ?? numLayers;
  const layers = numLayers - lowestLayer;
  const linears = modules.reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const trained = targets.reduce((sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures), 0);
  const norms = tensorTable(config).reduce((sum, { role, shape }) => sum + (role.endsWith('norm') ? shape[0] : 0), 0);
  const weights = (options.linearBytes ?? Math.ceil(linears * (quantized ? BYTES_4BIT : 4))) + 4 * norms;
  const adapters = (8 + momentBytes) * (trained + numLabels * hiddenSize);
  const rank = targets.reduce((sum, { r }) => sum + r, 0) / Math.max(1, layers);
  const widths = layerWidths(config, rank);
  const bytes = (width: number) => Math.ceil(4 * tokens * width);
  const below = Math.max(0, layers - 1); // trained layers below the last
  const working = bytes(below ? widths.saved + widths.backward : widths.forward);
  const at = (recompute: number, isHalf: boolean): MemoryPlan => {
    const half = (width: number) => (isHalf ? width / 2 : 0);
    const whole = bytes(widths.saved - half(widths.halved));
    const again = bytes(widths.again - half(hiddenSize));
    const waiting = Math.max(0, below - 1); // layers below the one at work
    const recomputed = Math.min(recompute, waiting);
    const saved = below * bytes(hiddenSize) + recomputed * again + (waiting - recomputed) * whole;
    const total = weights + adapters + saved + working;
    const activations = { recompute, offload: total > HEAP_BYTES, half: isHalf };
    return { lowestLayer, weights, adapters, saved, working, total, activations };
  };
  const all = at(0, false);
  if (all.total <= budgetBytes) return all;
  for (let recompute = 0; recompute <= layers; recompute++) {
    const plan = at(recompute, halves);
    if (plan.total <= budgetBytes) return plan;
  }
  const least = at(layers, halves);
  const size = (bytes: number) => (bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);
  throw new DecoderError(
    'memory',
    `a step of ${tokens} tokens takes ${size(least.total)} even when every layer is recomputed, the budget is ` +
      `${size(budgetBytes)}: lower the tokens of a batch, or raise the budget`,
  );
}

/**
 * Bytes of a model's frozen linears on the current engine, as the option `quantization` of loading has them: for
 * {@link planMemory}, before anything is loaded.
 */
export function linearBytes(
  weights: Pick<Weights, 'tensors'>,
  config: DecoderConfig,
  quantization: Quantization,
): number {
  let sum = 0;
  for (const place of tensorTable(config)) {
    if (place.role !== 'linear') continue;
    const [outFeatures, inFeatures] = place.shape;
    const values = outFeatures * inFeatures;
    const held = heldAs(weights, place, quantization);
    if (held === 'blocks') sum += blockBytes(weights.tensors.get(place.name)!.stored as BlockType, place.shape);
    else sum += Math.ceil(values * (held === 'float' ? 4 : BYTES_4BIT));
  }
  return sum;
}

/** 4 bits a weight, 8 a block of 64, and the nested statistics. */
const BYTES_4BIT = (4 + 8 / 64 + 32 / (64 * 256)) / 8;

/** float32 values a token of one layer, by what its halves save. `rank` is the sum of the ranks of a layer's adapters. */
function layerWidths({ hiddenSize: h, intermediateSize: i, layers }: DecoderConfig, rank: number) {
  const { lse, ...attention } = attentionWidths(layers[layers.length - 1], h);
  const mlp = mlpWidths(i, h);
  const kept = sum(attention) + sum(mlp);
  const { q, k, v, o } = attention;
  return {
    /** What layerForward saves: of attention and MLP, h, and each adapter's x A^T. */
    saved: kept + lse + h + rank,
    /** What a layer keeps that is recomputed: d, and x A^T of down_proj, which is next to nothing. */
    again: mlp.d,
    /** What of that layer.ts's halvable() names. */
    halved: kept,
    /** Beside it in the backward pass of down_proj: dy, its gradient through the norm and packed, x, dx and dropout's part of dx. */
    backward: 3 * h + 3 * i,
    /** The forward pass of down_proj: its input, as it is and packed, and the layer's. */
    forward: q + k + v + o + 4 * h + 4 * i + lse,
  };
}

function sum(widths: Record<string, number>): number {
  return Object.values(widths).reduce((a, b) => a + b, 0);
}
