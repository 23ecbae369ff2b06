/** @file The optimizer's state as named tensors, and back: for checkpoints and for other processes. */
import type { Parameter } from '@arena/gemma';
import { type SafeTensor, toFloat32 } from '@arena/safetensors';
import { keep, type Tensor, tensor } from '@tensorflow/tfjs-core';
import type { AdamWState } from './optimizer.js';

/** `<parameter>.exp_avg` and `<parameter>.exp_avg_sq` of each parameter, in their order. */
export async function stateTensors(parameters: Parameter[], { moments }: AdamWState): Promise<SafeTensor[]> {
  const tensors: SafeTensor[] = [];
  for (const [i, { name }] of parameters.entries()) {
    const { expAvg, expAvgSq } = moments[i];
    tensors.push(await float32(`${name}.exp_avg`, expAvg), await float32(`${name}.exp_avg_sq`, expAvgSq));
  }
  return tensors;
}

/**
 * Puts a state on the current engine.
 * @param stored Tensors by the names of {@link stateTensors}, or by the parameter's number in place of its name.
 * @param place Where they were read, for messages.
 * @throws Error naming the tensor that is missing or of another shape.
 */
export function restoreState(
  parameters: Parameter[],
  step: number,
  stored: Map<string, SafeTensor>,
  place: string,
): AdamWState {
  const moments = parameters.map(({ name, value }, index) => {
    const read = (moment: string) => {
      const key = `${name}.${moment}`;
      const found = stored.get(key) ?? stored.get(`${index}.${moment}`);
      if (!found || found.shape.join() !== value.shape.join()) {
        const got = found ? `has shape [${found.shape}]` : 'is missing';
        throw new Error(`${place}: the optimizer's '${key}' ${got}, the model wants [${value.shape}]`);
      }
      return keep(tensor(Float32Array.from(toFloat32(found)), value.shape));
    };
    return { expAvg: read('exp_avg'), expAvgSq: read('exp_avg_sq') };
  });
  return { step, moments };
}

/** A tensor's values on the host, under a name. */
export async function float32(name: string, value: Tensor): Promise<SafeTensor> {
  const copy = Float32Array.from(await value.data());
  return { name, dtype: 'F32', shape: value.shape, data: new Uint8Array(copy.buffer) };
}
