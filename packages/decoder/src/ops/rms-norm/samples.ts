/** @file What the conformance suite feeds RmsNorm and its backward. */
import type { OpSample } from '@arena/runtime/op';
import { drawer } from '../samples.js';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './attrs.js';

/** [tokens, width] */
const SIZES: [number, number][] = [
  [1, 1],
  [1, 64],
  [63, 33],
  [64, 64],
  [65, 129],
  [1900, 48],
];

export function rmsNormSamples(): OpSample<RmsNormAttrs>[] {
  return SIZES.map(([tokens, width], i) => {
    const draw = drawer(300 + i);
    const inputs = { x: draw([tokens, width], 3), weight: draw([width], 0.3) };
    return {
      name: `[${tokens}, ${width}]${i % 2 ? ', residual' : ''}`,
      attrs: { eps: 1e-6 },
      inputs: i % 2 ? { ...inputs, residual: draw([tokens, width]) } : inputs,
    };
  });
}

export function rmsNormBackwardSamples(): OpSample<RmsNormBackwardAttrs>[] {
  return rmsNormSamples().map(({ name, attrs, inputs }, i) => ({
    name: `${name}${i % 3 ? ', dweight' : ''}`,
    attrs: { ...attrs, weightGradient: i % 3 > 0 },
    inputs: { ...inputs, dy: drawer(350 + i)(inputs.x.shape) },
    tolerance: 5e-5,
  }));
}
