/** @file Samples of the conformance suite for AdamW and SquaredNorm. */
import { Mt19937, normal } from '@arena/random';
import type { OpSample } from '@arena/runtime/op';
import type { AdamWAttrs } from './attrs.js';

const SHAPES = [[1], [63], [64], [5, 13], [1900], [33, 70]];

function draw(generator: Mt19937, shape: number[], std: number, square = false) {
  const values = normal(
    generator,
    shape.reduce((a, b) => a * b, 1),
    0,
    std,
  );
  return { shape, dtype: 'float32' as const, values: square ? values.map((x) => x * x) : values };
}

export function adamWSamples(): OpSample<AdamWAttrs>[] {
  return SHAPES.map((shape, i) => {
    const generator = new Mt19937(700 + i);
    return {
      name: `[${shape}], step ${1 + 3 * i}`,
      attrs: {
        learningRate: 3e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weightDecay: i % 2 ? 0.1 : 0,
        step: 1 + 3 * i,
        gradientScale: i % 3 ? 1 : 0.3,
      },
      inputs: {
        param: draw(generator, shape, 1),
        gradient: draw(generator, shape, 0.1),
        expAvg: draw(generator, shape, 0.1),
        expAvgSq: draw(generator, shape, 0.1, true),
      },
      tolerance: 1e-6,
    };
  });
}

export function squaredNormSamples(): OpSample<Record<string, never>>[] {
  return SHAPES.map((shape, i) => ({
    name: `[${shape}]`,
    attrs: {},
    inputs: { x: draw(new Mt19937(750 + i), shape, 1) },
    tolerance: 1e-5,
  }));
}
