/** @file The weights of a run's best evaluation, stored outside the engine. */
import type { Parameter } from '@arena/runtime';
import { keep, tensor } from '@tensorflow/tfjs-core';

/** Copies of all trained weights after `step` optimizer steps, where an evaluation gave `metric`. */
export interface BestWeights {
  step: number;
  metric: number;
  /** By parameter name. */
  values: Map<string, Float32Array>;
}

/** Copies the values of all parameters. */
export async function keepWeights(parameters: Parameter[], step: number, metric: number): Promise<BestWeights> {
  const values = new Map<string, Float32Array>();
  for (const { name, value } of parameters) values.set(name, Float32Array.from(await value.data()));
  return { step, metric, values };
}

/** Restores kept values. */
export function restoreWeights(parameters: Parameter[], { values }: Pick<BestWeights, 'values'>): void {
  for (const parameter of parameters) {
    const { shape } = parameter.value;
    parameter.value.dispose();
    parameter.value = keep(tensor(values.get(parameter.name)!, shape));
  }
}
