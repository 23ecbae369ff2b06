/** @file What the conformance suite feeds Swiglu: odd sizes, and values from -90 to 90, so that both tails are met. */
import type { OpSample } from '@arena/runtime/op';
import type { SwigluAttrs } from './attrs.js';

/** [tokens, width] */
const SIZES: [number, number][] = [
  [1, 1],
  [63, 7],
  [64, 64],
  [65, 33],
  [1900, 40],
];

export function swigluSamples(): OpSample<SwigluAttrs>[] {
  return SIZES.map(([tokens, width], i) => {
    const wave = (scale: number, step: number) => ({
      shape: [tokens, width],
      dtype: 'float32' as const,
      values: Float32Array.from({ length: tokens * width }, (_, n) => scale * Math.sin(1 + n * step)),
    });
    return { name: `[${tokens}, ${width}]`, attrs: {}, inputs: { gate: wave(i % 2 ? 90 : 3, 1.7), up: wave(1, 0.3) } };
  });
}
