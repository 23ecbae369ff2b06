/** @file A trained judge as a source of matrices: the base as training saw it, quantised the same way, and the adapter. */
import { isSkipped, linearModules, quantizeWeight } from '@arena/decoder/checkpoint';
import { openBaseWeights } from '@arena/gemma/checkpoint';
import type { Base } from '@arena/judge/card';
import { quantizationOf } from '@arena/judge/card';
import type { JudgeFiles } from '@arena/judge/run';
import { checkAdapter } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { dequantize4bit, type Quantized4bit, readQuantized } from '@arena/quant';
import { restoreAbsmax } from '@arena/quant/state';
import { OnnxError } from './error.js';
import { NF4_BLOCK } from './linear.js';
import type { ModelSource } from './model-source.js';
import { isStoredType } from './stored-blocks.js';

/** A source whose files are open. */
export interface JudgeSource extends ModelSource {
  /** Whether every linear of the base is in NF4 in blocks of 64, as MatMulBnb4 takes them. */
  isNf4: boolean;
  close(): Promise<void>;
}

/**
 * Opens a judge's base and adapter.
 * @throws OnnxError for a base without a head and no adapter with one; LoraError for an adapter of another base.
 */
export async function judgeSource(base: Base, { adapter, card, objective }: JudgeFiles): Promise<JudgeSource> {
  const config = { ...base.config, numLabels: objective.labels };
  const modules = linearModules(config);
  const quantization = adapter && quantizationOf(card, base);
  const resolved = adapter ? resolveTargets(adapter.config, modules) : [];
  if (adapter) checkAdapter(adapter, resolved);
  const targets = new Map(resolved.map((target) => [target.path, target]));
  const weights = await openBaseWeights(base.location);
  const floats = (name: string, rows?: readonly [number, number]) => weights.readFloat32(name, rows && [...rows]);

  /** The codes of a weight: as stored, or made as training made them. */
  async function codesOf(name: string): Promise<Quantized4bit | undefined> {
    const stored = await readQuantized(weights, name);
    const module = modules.find(({ path }) => `${path}.weight` === name);
    if (stored || !module || !quantization || quantization === 'none') return stored;
    if (isSkipped(module.path, quantization.skipModules)) return undefined;
    const shape = [module.outFeatures, module.inFeatures];
    return quantizeWeight(await floats(name), shape, config, quantization);
  }

  try {
    const score =
      adapter?.score?.values ?? (weights.tensors.has('score.weight') ? await floats('score.weight') : undefined);
    if (!score)
      throw new OnnxError(`${base.name}: has no score head, and no adapter brings one: there is nothing to export`);
    const isQuantized = base.stored === '4bit' || (quantization !== undefined && quantization !== 'none');
    const type = quantization && quantization !== 'none' ? (quantization.type ?? 'nf4') : 'nf4';
    const isAsStored = base.stored === 'blocks' && (quantization === undefined || quantization === 'none');
    const bits = modules.map(({ path, inFeatures, outFeatures }) => {
      const { bytes = 0 } = weights.tensors.get(`${path}.weight`) ?? {};
      return [8 * bytes, inFeatures * outFeatures];
    });
    const sum = (place: 0 | 1) => bits.reduce((total, one) => total + one[place], 0);
    return {
      config,
      score,
      storedBits: isAsStored ? sum(0) / sum(1) : undefined,
      storedType(name) {
        const stored = isAsStored ? weights.tensors.get(name)?.stored : undefined;
        return stored !== undefined && isStoredType(stored) ? stored : undefined;
      },
      stored: (name) => weights.readStored(name),
      isNf4: isQuantized && type === 'nf4',
      async values(name, rows) {
        const codes = rows ? undefined : await codesOf(name);
        // an engine multiplies by the codes' values in float32, whatever type the state names
        return codes ? dequantize4bit({ ...codes, dtype: 'float32' }) : floats(name, rows);
      },
      async nf4(name) {
        const codes = await codesOf(name);
        if (codes?.quantType !== 'nf4' || codes.blockSize !== NF4_BLOCK) {
          const is = codes ? `${codes.quantType} in blocks of ${codes.blockSize}` : 'not in 4 bits';
          throw new OnnxError(
            `${base.name}: ${name} is ${is}; weights in NF4 in blocks of ${NF4_BLOCK} are needed for bnb4`,
          );
        }
        return { codes: codes.codes, absmax: restoreAbsmax(codes), blockSize: codes.blockSize };
      },
      lowRank(path) {
        const target = targets.get(path);
        const matrices = target && adapter?.weights.get(path);
        return matrices && { ...matrices, r: target.r, scaling: target.scaling };
      },
      close: () => weights.close(),
    };
  } catch (error) {
    await weights.close();
    throw error;
  }
}
