/**
 * @file Combines several adapters into one (peft/tuners/lora/model.py add_weighted_adapter). s_i = alpha / r of adapter
 * i, w_i its weight; the result has the scaling 1.
 *
 *   linear  A = sum sqrt(w_i s_i) A_i, B = sum sqrt(w_i s_i) B_i: as small as one of them; B A also holds the products of
 *           different adapters' matrices, which is how PEFT defines it
 *   cat     A = rows of w_i s_i A_i below each other, B = columns of B_i beside each other: B A = sum w_i s_i B_i A_i exactly, with the
 *           sum of the ranks
 */

import { type LoraConfig, loraConfig } from './config.js';
import { LoraError } from './error.js';
import type { AdapterFiles } from './files.js';
import { adapterScaling } from './targets.js';

/** How to combine adapters: `weights` are factors on each one's scaling, in order. */
export interface CombineOptions {
  /** One for each adapter. PEFT's `linear` takes none below zero. */
  weights: number[];
  /** Default `linear`, as in PEFT. */
  type?: 'linear' | 'cat';
  /** Index of the adapter with the result's score head. Required when several have different ones. */
  scoreFrom?: number;
}

/**
 * Combines adapters of one base by weight, as PEFT's `add_weighted_adapter` does.
 * @throws LoraError when the number of weights is wrong, a weight is not finite or (linear) negative, ranks differ
 * (linear), or heads differ without a choice.
 */
export function combineAdapters(adapters: AdapterFiles[], options: CombineOptions): AdapterFiles {
  const { weights, type = 'linear' } = options;
  if (!adapters.length) throw new LoraError('argument', 'combining adapters: none were given');
  if (weights.length !== adapters.length || !weights.every(Number.isFinite)) {
    throw new LoraError(
      'argument',
      `combining adapters: ${adapters.length} adapters, weights ${JSON.stringify(weights)}`,
    );
  }
  if (type === 'linear' && weights.some((weight) => weight < 0)) {
    throw new LoraError(
      'argument',
      `combining adapters: weights ${JSON.stringify(weights)}; 'linear' takes roots of them, use 'cat'`,
    );
  }
  const combined: AdapterFiles['weights'] = new Map();
  for (const path of new Set(adapters.flatMap((adapter) => [...adapter.weights.keys()]))) {
    const parts = adapters.flatMap(({ config, weights: matrices }, i) => {
      const pair = matrices.get(path);
      return pair ? [{ ...pair, factor: weights[i] * adapterScaling(config, path, pair.r) }] : [];
    });
    combined.set(path, type === 'cat' ? concatenated(parts) : added(path, parts));
  }
  const score = chosenScore(adapters, options.scoreFrom);
  return { config: combinedConfig(adapters, combined), weights: combined, ...(score && { score }) };
}

interface Part {
  A: Float32Array;
  B: Float32Array;
  r: number;
  /** Weight times scaling. */
  factor: number;
}

function added(path: string, parts: Part[]) {
  const [{ r, A, B }] = parts;
  const odd = parts.find((part) => part.r !== r);
  if (odd)
    throw new LoraError(
      'argument',
      `combining adapters: ${path} has ranks ${r} and ${odd.r}; 'linear' needs equal ones, use 'cat'`,
    );
  const sum = (matrix: 'A' | 'B', length: number) => {
    const total = new Float32Array(length);
    for (const part of parts) {
      const root = Math.fround(Math.sqrt(part.factor));
      part[matrix].forEach((value, i) => {
        total[i] += Math.fround(root * value);
      });
    }
    return total;
  };
  return { r, A: sum('A', A.length), B: sum('B', B.length) };
}

function concatenated(parts: Part[]) {
  const r = parts.reduce((sum, part) => sum + part.r, 0);
  const inFeatures = parts[0].A.length / parts[0].r;
  const outFeatures = parts[0].B.length / parts[0].r;
  const A = new Float32Array(r * inFeatures);
  const B = new Float32Array(outFeatures * r);
  let row = 0;
  for (const part of parts) {
    for (let i = 0; i < part.A.length; i++) A[row * inFeatures + i] = part.A[i] * part.factor;
    for (let o = 0; o < outFeatures; o++) B.set(part.B.subarray(o * part.r, (o + 1) * part.r), o * r + row);
    row += part.r;
  }
  return { r, A, B };
}

/**
 * Names targets by their whole paths where the adapters' own lists would select other modules. alpha = r everywhere.
 */
function combinedConfig(adapters: AdapterFiles[], combined: AdapterFiles['weights']): LoraConfig {
  const ranks = [...combined.values()].map(({ r }) => r);
  const r = Math.max(...ranks);
  const pattern = Object.fromEntries([...combined].flatMap(([path, pair]) => (pair.r === r ? [] : [[path, pair.r]])));
  const [{ config: first }] = adapters;
  return loraConfig({
    ...first,
    r,
    lora_alpha: r,
    rank_pattern: pattern,
    alpha_pattern: pattern,
    use_rslora: false,
    lora_dropout: 0,
    target_modules: [...combined.keys()],
    exclude_modules: null,
    layers_to_transform: null,
    layers_pattern: null,
    init_lora_weights: true,
  });
}

function chosenScore(adapters: AdapterFiles[], from: number | undefined): AdapterFiles['score'] {
  if (from !== undefined) {
    const score = adapters[from]?.score;
    if (!score) throw new LoraError('argument', `combining adapters: adapter ${from} has no score head`);
    return score;
  }
  const scores = adapters.flatMap(({ score }) => score ?? []);
  const same = scores.every(({ values }) => values.every((value, i) => value === scores[0].values[i]));
  const oneShape = scores.every(({ shape }) => shape.join() === scores[0].shape.join());
  if (same && oneShape) return scores[0];
  throw new LoraError(
    'argument',
    'combining adapters: their score heads differ; say with scoreFrom which one the result gets',
  );
}
