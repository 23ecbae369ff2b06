/** @file What the conformance suite feeds LinearBlocks: every type, both orientations, few rows and odd ones, several tiles. */
import { Mt19937, normal } from '@arena/random';
import type { OpSample } from '@arena/runtime/op';
import { BLOCK_TYPES, type BlockType } from '../../blocks.js';
import { randomBlocks } from '../../random-blocks.js';
import type { LinearBlocksAttrs } from './attrs.js';

/** [rows of x, outFeatures, inFeatures]; the last has several tiles in both directions. */
const SIZES: [number, number, number][] = [
  [1, 33, 256],
  [3, 70, 512],
  [63, 13, 256],
  [65, 270, 768],
];

/** Rows that are no multiple of 256, for blocks of 32. */
const SHORT_SIZES: [number, number, number][] = [
  [2, 40, 32],
  [64, 100, 640],
];

export function linearBlocksSamples(): OpSample<LinearBlocksAttrs>[] {
  const samples = BLOCK_TYPES.flatMap((type) => {
    const sizes = type.endsWith('_K') ? SIZES : [...SIZES, ...SHORT_SIZES];
    return sizes.flatMap((size) => [sample(type, size, false), sample(type, size, true)]);
  });
  return [...samples, sample('Q4_K', [1900, 40, 256], false), sample('Q6_K', [1900, 40, 256], true)];
}

function sample(
  type: BlockType,
  [rows, outFeatures, inFeatures]: [number, number, number],
  transposed: boolean,
): OpSample<LinearBlocksAttrs> {
  const generator = new Mt19937(rows + outFeatures);
  const width = transposed ? outFeatures : inFeatures;
  const words = randomBlocks(type, [outFeatures, inFeatures], generator);
  return {
    name: `[${rows}] x ${type} [${outFeatures}, ${inFeatures}]${transposed ? ', transposed' : ''}`,
    attrs: { type, shape: [outFeatures, inFeatures], transposed },
    inputs: {
      x: { shape: [rows, width], dtype: 'float32', values: normal(generator, rows * width) },
      blocks: { shape: [words.length], dtype: 'int32', values: words },
    },
  };
}
