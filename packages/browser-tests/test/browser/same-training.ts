/** @file Whether two training steps gave the same. */
import { expect } from 'vitest';
import type { TrainingResult } from './training.js';

/** Expects loss, logits, norm, and each parameter's gradient and weights within |got - want| <= tolerance max|want|. */
export function expectSameTraining(got: TrainingResult, want: TrainingResult, tolerance: number): void {
  const parts = (result: TrainingResult): { [name: string]: number[] } => ({
    loss: [result.loss],
    logits: result.logits,
    gradientNorm: [result.gradientNorm],
    ...named('gradient of', result.gradients),
    ...named('weights of', result.weights),
  });
  const [g, w] = [parts(got), parts(want)];
  expect(Object.keys(g)).toEqual(Object.keys(w));
  const far = Object.keys(w).flatMap((name) => {
    const scale = Math.max(...w[name].map(Math.abs));
    expect(scale, name).toBeGreaterThan(0);
    const error = Math.max(...w[name].map((value, i) => Math.abs(g[name][i] - value))) / scale;
    return error <= tolerance ? [] : [`${name}: ${error}`];
  });
  expect(far).toEqual([]);
}

function named(prefix: string, values: { [name: string]: number[] }): { [name: string]: number[] } {
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [`${prefix} ${name}`, list]));
}
