/** @file A matrix as integers by groups of its inputs: rounded here, or the blocks of a GGUF base. */
import type { DecoderLinear } from '@arena/decoder/checkpoint';
import { joined } from '@arena/files/source';
import type { ModelSource } from './model-source.js';
import { codesOf, layoutOf, type StoredType } from './stored-blocks.js';
import { BLOCK, type Codes, toBytes, toNibbles } from './weight-kinds.js';

/** What a file holds of a matrix [rows, columns], before its values are read: value = scale (code - zero) + offset. */
export interface Integers {
  name: string;
  rows: number;
  columns: number;
  /** Of a code in the file. */
  bits: 4 | 5 | 8;
  /** Inputs that share a scale. */
  group: number;
  zero: number;
  hasOffsets: boolean;
  /** Whether scales and offsets are float16 exactly. */
  isHalf: boolean;
  read(): Promise<Codes>;
}

/** Of a base in floats or NF4. */
export function roundedIntegers(source: ModelSource, module: DecoderLinear, bits: 4 | 8): Integers {
  const values = () => source.values(`${module.path}.weight`);
  const shared = { ...shapeOf(module), bits, group: BLOCK };
  return bits === 4
    ? { ...shared, zero: 8, hasOffsets: true, isHalf: true, read: async () => toNibbles(await values()) }
    : { ...shared, zero: 128, hasOffsets: false, isHalf: false, read: async () => toBytes(await values()) };
}

/** The blocks of a GGUF base, so that nothing is rounded a second time. */
export function storedIntegers(source: ModelSource, module: DecoderLinear, type: StoredType): Integers {
  const { bits, group, zero, hasMinima, isHalf } = layoutOf(type);
  return {
    ...shapeOf(module),
    ...{ bits, group, zero, isHalf, hasOffsets: hasMinima },
    async read() {
      const parts: Uint8Array[] = [];
      for await (const part of source.stored!(`${module.path}.weight`)) parts.push(part);
      return codesOf(type, joined(parts));
    },
  };
}

function shapeOf({ path, outFeatures, inFeatures }: DecoderLinear) {
  return { name: `${path}.weight`, rows: outFeatures, columns: inFeatures };
}
