/** @file A trained judge as a source of matrices for exports: the base as training saw it, quantised the same way, and the adapter. */
import type { DecoderConfig } from '@arena/decoder';
import { isSkipped, linearModules, quantizeWeight } from '@arena/decoder/checkpoint';
import type { Weights } from '@arena/files';
import { openBaseWeights } from '@arena/gemma/checkpoint';
import { checkAdapter } from '@arena/lora';
import { mergeWeight } from '@arena/lora/merge';
import { resolveTargets } from '@arena/lora/names';
import { dequantize4bit, type Quantized4bit, readQuantized } from '@arena/quant';
import { type Base, checkSameBase, withLayers } from './base.js';
import { quantizationOf } from './card.js';
import { JudgeError } from './error.js';
import type { JudgeFiles } from './open.js';

/** A low-rank change of a linear: y += scaling (x A^T) B^T. */
export interface LowRank {
  /** [r, inFeatures] */
  A: Float32Array;
  /** [outFeatures, r] */
  B: Float32Array;
  r: number;
  scaling: number;
}

/** A judge whose files are open. Matrices are read one at a time, when they are asked for. */
export interface JudgeSource {
  config: DecoderConfig;
  /** The base's tensors as they are stored. */
  tensors: Weights['tensors'];
  /** Values of a tensor of the base by Hugging Face's name, in float32; of `rows` [begin, end) alone where that is asked for. */
  values(name: string, rows?: readonly [number, number]): Promise<Float32Array>;
  /** The same with the adapter's change added. */
  merged(name: string, rows?: readonly [number, number]): Promise<Float32Array>;
  /** The 4-bit codes of a linear's weight, where it has them: as stored, or made as training made them. */
  codes(name: string): Promise<Quantized4bit | undefined>;
  /** A tensor's stored bytes, in consecutive parts. */
  readStored: Weights['readStored'];
  /** Whether linears in blocks of ggml are computed with as the file has them. */
  isAsStored: boolean;
  /** Whether its linears are in 4 bits, and of which type. */
  quantType?: 'nf4' | 'fp4';
  /** Paths of the linears that the adapter changes. */
  changed: readonly string[];
  /** The adapter's change of a linear, by the linear's path. */
  lowRank(path: string): LowRank | undefined;
  /** The head [labels, hidden]. */
  score: Float32Array;
  close(): Promise<void>;
}

/**
 * Opens a judge's base and adapter.
 * @throws JudgeError for a base that is another file than the card's, or has no head where no adapter brings one; LoraError for an
 * adapter of another base.
 */
export async function judgeSource(base: Base, { adapter, card, objective }: JudgeFiles): Promise<JudgeSource> {
  checkSameBase(base, card);
  const config = { ...withLayers(base, card.layers).config, numLabels: objective.labels };
  const modules = linearModules(config);
  const quantization = adapter && quantizationOf(card, base);
  const resolved = adapter ? resolveTargets(adapter.config, modules) : [];
  if (adapter) checkAdapter(adapter, resolved);
  const targets = new Map(resolved.map((target) => [`${target.path}.weight`, target]));
  const weights = await openBaseWeights(base.location);
  const floats = (name: string, rows?: readonly [number, number]) => weights.readFloat32(name, rows && [...rows]);

  async function codes(name: string): Promise<Quantized4bit | undefined> {
    const stored = await readQuantized(weights, name);
    const module = modules.find(({ path }) => `${path}.weight` === name);
    if (stored || !module || !quantization || quantization === 'none') return stored;
    if (isSkipped(module.path, quantization.skipModules)) return undefined;
    const shape = [module.outFeatures, module.inFeatures];
    return quantizeWeight(await floats(name), shape, config, quantization);
  }

  async function values(name: string, rows?: readonly [number, number]) {
    const made = rows ? undefined : await codes(name);
    // an engine multiplies by the codes' values in float32, whatever type the state names
    return made ? dequantize4bit({ ...made, dtype: 'float32' }) : floats(name, rows);
  }

  try {
    const score =
      adapter?.score?.values ?? (weights.tensors.has('score.weight') ? await floats('score.weight') : undefined);
    if (!score) {
      const why = 'has no score head, and no adapter brings one: there is nothing to export';
      throw new JudgeError('base', `${base.name}: ${why}`);
    }
    const isQuantized = base.stored === '4bit' || (quantization !== undefined && quantization !== 'none');
    return {
      config,
      tensors: weights.tensors,
      score,
      readStored: (name) => weights.readStored(name),
      isAsStored: base.stored === 'blocks' && (quantization === undefined || quantization === 'none'),
      quantType: isQuantized ? (quantization !== 'none' && quantization?.type) || 'nf4' : undefined,
      codes,
      values,
      async merged(name, rows) {
        const target = rows ? undefined : targets.get(name);
        const own = await values(name, rows);
        return target ? mergeWeight(own, adapter!.weights.get(target.path)!, target) : own;
      },
      changed: resolved.map(({ path }) => path),
      lowRank(path) {
        const target = targets.get(`${path}.weight`);
        const matrices = target && adapter?.weights.get(path);
        return matrices && { A: matrices.A, B: matrices.B, r: target.r, scaling: target.scaling };
      },
      close: () => weights.close(),
    };
  } catch (error) {
    await weights.close();
    throw error;
  }
}
