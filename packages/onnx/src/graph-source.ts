/** @file A trained judge as what a graph is made from: NF4 codes where its linears have them. */
import { linearModules } from '@arena/decoder/checkpoint';
import type { Base } from '@arena/judge/card';
import { type JudgeSource, judgeSource } from '@arena/judge/export';
import type { JudgeFiles } from '@arena/judge/run';
import { restoreAbsmax } from '@arena/quant/state';
import { OnnxError } from './error.js';
import { NF4_BLOCK } from './linear.js';
import type { ModelSource } from './model-source.js';
import { isStoredType } from './stored-blocks.js';

/** A source whose files are open. */
export interface GraphSource extends ModelSource {
  /** Whether every linear of the base is in NF4 in blocks of 64, as MatMulBnb4 takes them. */
  isNf4: boolean;
  close(): Promise<void>;
}

/** Opens a judge's base and adapter. @throws as `judgeSource`. */
export async function graphSource(base: Base, files: JudgeFiles): Promise<GraphSource> {
  const source: JudgeSource = await judgeSource(base, files);
  const linears = new Set(linearModules(source.config).map(({ path }) => `${path}.weight`));
  return {
    ...source,
    storedBits: source.isAsStored ? bitsOf(source) : undefined,
    storedType(name) {
      // the adapter may be trained on linears in other bits; all else is as the file has it
      const stored = source.isAsStored || !linears.has(name) ? source.tensors.get(name)?.stored : undefined;
      return stored !== undefined && isStoredType(stored) ? stored : undefined;
    },
    stored: source.readStored,
    isNf4: source.quantType === 'nf4',
    async nf4(name) {
      const codes = await source.codes(name);
      if (codes?.quantType !== 'nf4' || codes.blockSize !== NF4_BLOCK) {
        const is = codes ? `${codes.quantType} in blocks of ${codes.blockSize}` : 'not in 4 bits';
        throw new OnnxError(
          `${base.name}: ${name} is ${is}; weights in NF4 in blocks of ${NF4_BLOCK} are needed for bnb4`,
        );
      }
      return { codes: codes.codes, absmax: restoreAbsmax(codes), blockSize: codes.blockSize };
    },
  };
}

/** Bits a weight of the linears, on average. */
function bitsOf({ config, tensors }: JudgeSource): number {
  const modules = linearModules(config);
  const bits = modules.reduce((sum, { path }) => sum + 8 * (tensors.get(`${path}.weight`)?.bytes ?? 0), 0);
  return bits / modules.reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
}
