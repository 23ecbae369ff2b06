/** @file What the conformance suite feeds GeGlu and its backward: values from -30 to 30, so that both tails are met. */
import type { OpSample } from '@arena/runtime/op';
import { drawer } from '../samples.js';
import type { GegluAttrs } from './attrs.js';

/** [tokens, width] */
const SIZES: [number, number][] = [
  [1, 1],
  [63, 7],
  [64, 64],
  [65, 33],
  [1900, 40],
];

export function gegluSamples(): OpSample<GegluAttrs>[] {
  return SIZES.map(([tokens, width], i) => {
    const draw = drawer(500 + i);
    return {
      name: `[${tokens}, ${width}]`,
      attrs: {},
      inputs: { gate: draw([tokens, width], i % 2 ? 10 : 1), up: draw([tokens, width]) },
    };
  });
}

export function gegluBackwardSamples(): OpSample<GegluAttrs>[] {
  return gegluSamples().map((sample, i) => ({
    ...sample,
    inputs: { ...sample.inputs, dy: drawer(550 + i)(sample.inputs.gate.shape) },
  }));
}
