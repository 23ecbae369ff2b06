/** @file Rope in plain tfjs ops. */

import { roundTo } from '@arena/quant/state';
import {
  add,
  cast,
  concat,
  cos,
  mul,
  neg,
  reshape,
  sin,
  slice,
  sub,
  type Tensor,
  tensor2d,
} from '@tensorflow/tfjs-core';
import type { RopeAttrs, RopeInputs } from './attrs.js';

export function ropeReference({ x, positions }: RopeInputs, attrs: RopeAttrs): Tensor[] {
  const { headDim, inverse } = attrs;
  const [tokens, width] = x.shape;
  const half = headDim / 2;
  const frequencies = tensor2d(inverseFrequencies(attrs), [1, half]);
  const angles = reshape(mul(reshape(cast(positions, 'float32'), [tokens, 1]), frequencies), [tokens, 1, half]);
  const c = cos(angles);
  const s = inverse ? neg(sin(angles)) : sin(angles);
  const heads = reshape(x, [tokens, width / headDim, headDim]); // [T, heads, D]
  const x1 = slice(heads, [0, 0, 0], [-1, -1, half]);
  const x2 = slice(heads, [0, 0, half], [-1, -1, half]);
  const rotated = concat([sub(mul(x1, c), mul(x2, s)), add(mul(x2, c), mul(x1, s))], 2);
  return [reshape(rotated, [tokens, width])];
}

/** theta^(-2i/headDim) / factor for i below headDim / 2, rounded to float32 at each step as torch does. [headDim / 2] */
export function inverseFrequencies({ headDim, theta, factor, frequencyDtype }: RopeAttrs): Float32Array {
  const frequencies = Float32Array.from(
    { length: headDim / 2 },
    (_, i) => Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / headDim))) / factor,
  );
  return roundTo(frequencies, frequencyDtype);
}
