/** @file Initial adapter weights, with torch's draws in PEFT's order (peft/tuners/lora/layer.py reset_lora_parameters). */
import { Mt19937, normal, uniform } from '@arena/random';
import type { LoraConfig } from './config.js';
import { LoraError } from './error.js';
import type { LoraTarget } from './targets.js';

/** Weights of one adapted layer on the host: A [r, inFeatures], B [outFeatures, r], row-major. */
export interface LoraWeights {
  A: Float32Array;
  B: Float32Array;
}

/**
 * Draws the weights of each target: A by Kaiming's uniform rule (or N(0, 1/r) for `gaussian`), B zero. Equal to PEFT's
 * after `torch.manual_seed(seed)`, bit for bit for the uniform rule.
 * @throws LoraError for an initialisation that needs data or a decomposition.
 */
export function initAdapter(config: LoraConfig, targets: LoraTarget[], seed: number): Map<string, LoraWeights> {
  const { init_lora_weights: init } = config;
  if (init === 'eva' || init === 'orthogonal')
    throw new LoraError('config', `init_lora_weights '${init}' is read and not drawn: use true, false or 'gaussian'`);
  const generator = new Mt19937(seed);
  const weights = new Map<string, LoraWeights>();
  for (const { path, r, inFeatures, outFeatures } of targets) {
    // The two Linear layers are created first, each with a default initialisation of its own.
    const defaultA = kaimingUniform(generator, r * inFeatures, inFeatures);
    const defaultB = kaimingUniform(generator, outFeatures * r, r);
    if (init === false) {
      weights.set(path, { A: defaultA, B: defaultB });
      continue;
    }
    const A =
      init === 'gaussian'
        ? normal(generator, r * inFeatures, 0, 1 / r)
        : kaimingUniform(generator, r * inFeatures, inFeatures);
    weights.set(path, { A, B: new Float32Array(outFeatures * r) });
  }
  return weights;
}

/** kaiming_uniform_ with a = sqrt(5): U(-b, b) with b = sqrt(3) * gain / sqrt(fanIn), gain = sqrt(2 / 6). */
function kaimingUniform(generator: Mt19937, count: number, fanIn: number): Float32Array {
  const bound = Math.sqrt(3) * (Math.sqrt(2 / (1 + Math.sqrt(5) ** 2)) / Math.sqrt(fanIn));
  return uniform(generator, count, -bound, bound);
}

/** A new classifier head: N(0, std) [numLabels, hiddenSize], as transformers draws it after `torch.manual_seed(seed)`. */
export function initScore(numLabels: number, hiddenSize: number, seed: number, std = 0.02): Float32Array {
  return normal(new Mt19937(seed), numLabels * hiddenSize, 0, std);
}
