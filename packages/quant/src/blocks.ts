/** @file Blocks of ggml, as GGUF files store weights: the types that products are made with, and their checks. */
import { blockSize } from '@arena/gguf';
import { QuantError } from './error.js';

/** Where the float16 scales lie in a block, by ggml's name of its type. */
const SCALES = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
};

/** A type of blocks that products are made with. */
export type BlockType = keyof typeof SCALES;

/** All of them. */
export const BLOCK_TYPES = Object.keys(SCALES) as BlockType[];

/** Whether products can be made with blocks of that type. */
export function isBlockType(type: string): type is BlockType {
  return Object.hasOwn(SCALES, type);
}

/**
 * Bytes of a matrix [outFeatures, inFeatures] in blocks.
 * @throws QuantError when the type is not known, or a row is no whole number of blocks.
 */
export function blockBytes(type: BlockType, shape: readonly number[]): number {
  if (!isBlockType(type)) {
    throw new QuantError('argument', `blocks of type '${type}' are not known: ${BLOCK_TYPES.join(', ')} are`);
  }
  const { values, bytes } = blockSize(type);
  const [outFeatures, inFeatures] = shape;
  if (shape.length !== 2 || !shape.every((count) => Number.isSafeInteger(count) && count > 0)) {
    throw new QuantError('argument', `a weight in blocks is a matrix, got shape [${shape}]`);
  }
  if (inFeatures % values) {
    throw new QuantError(
      'argument',
      `rows of ${inFeatures} values are no multiple of the ${values} of a block of ${type}`,
    );
  }
  return ((outFeatures * inFeatures) / values) * bytes;
}

/** Checks that bytes are the matrix that type and shape say. @throws QuantError saying what they are. */
export function checkBlocks(type: BlockType, bytes: Uint8Array, shape: readonly number[]): void {
  const wanted = blockBytes(type, shape);
  if (bytes.length !== wanted) {
    throw new QuantError('argument', `${type} [${shape}] takes ${wanted} bytes, got ${bytes.length}`);
  }
  const { values, bytes: size } = blockSize(type);
  for (const at of SCALES[type]) {
    for (let p = at; p < bytes.length; p += size) {
      if ((bytes[p + 1] & 0x7c) !== 0x7c) continue;
      const first = Math.floor(p / size) * values;
      throw new QuantError('values', `the scale of the block of ${type} from value ${first} is not finite`);
    }
  }
}

/** Bytes of a block, and where its scales lie in it. */
export function scalesOf(type: BlockType): { size: number; scales: readonly number[] } {
  return { size: blockSize(type).bytes, scales: SCALES[type] };
}
