/** @file What the conformance suite feeds Rope. */
import type { OpSample } from '@arena/runtime/op';
import { drawer, int32 } from '../samples.js';
import type { RopeAttrs } from './attrs.js';

/** [tokens, heads, headDim] */
const SIZES: [number, number, number][] = [
  [1, 1, 2],
  [63, 2, 6],
  [64, 4, 16],
  [65, 1, 20],
  [1900, 2, 8],
];

export function ropeSamples(): OpSample<RopeAttrs>[] {
  return SIZES.flatMap(([tokens, heads, headDim], i) =>
    [false, true].map((inverse) => ({
      name: `[${tokens}, ${heads} x ${headDim}]${inverse ? ', inverse' : ''}`,
      attrs: {
        headDim,
        theta: i % 2 ? 10000 : 500,
        factor: i === 3 ? 8 : 1,
        frequencyDtype: i === 2 ? 'bfloat16' : 'float32',
        inverse,
      },
      inputs: {
        x: drawer(400 + i)([tokens, heads * headDim]),
        positions: int32(Array.from({ length: tokens }, (_, t) => (t * 7) % tokens)),
      },
      tolerance: 5e-4, // angles of up to 1,900 rad: float32 keeps them to 1e-4
    })),
  );
}
