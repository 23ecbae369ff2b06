/** @file Blocks of random bytes with small scales: for samples of kernels, benchmarks and tests. */
import type { Mt19937 } from '@arena/random';
import { type BlockType, blockBytes, scalesOf } from './blocks.js';

/** Upper byte of a positive float16 scale that makes values of a tenth or so. */
const SCALE: Record<BlockType, number> = {
  Q4_0: 0x20,
  Q4_1: 0x20,
  Q5_0: 0x1c,
  Q5_1: 0x1c,
  Q8_0: 0x10,
  Q4_K: 0x0c,
  Q5_K: 0x08,
  Q6_K: 0x04,
};

/** A matrix [outFeatures, inFeatures] of random values in blocks, four bytes a word, the last filled with zeros. */
export function randomBlocks(type: BlockType, shape: readonly number[], generator: Mt19937): Int32Array {
  const length = blockBytes(type, shape);
  const { size, scales } = scalesOf(type);
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4);
  for (let i = 0; i < length; i++) bytes[i] = generator.next() >>> 24;
  for (let block = 0; block < length; block += size) {
    for (const at of scales) bytes[block + at + 1] = (bytes[block + at + 1] & 0x83) | SCALE[type];
  }
  return new Int32Array(bytes.buffer);
}
