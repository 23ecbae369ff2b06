/** @file The optimizer's state as named tensors, and back: for checkpoints and for other processes. */

import type { Parameter } from '@arena/runtime';
import type { SafeTensor } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { keep, type Tensor, tensor } from '@tensorflow/tfjs-core';
import { zeroMoments } from './eight-bit.js';
import { TrainerError } from './error.js';
import type { AdamWState } from './optimizer.js';

const CODES = ['state1', 'state2'] as const;
const SCALES = ['absmax1', 'absmax2'] as const;

/**
 * `<parameter>.exp_avg` and `<parameter>.exp_avg_sq` of each parameter, in order; for 8-bit moments `state1`, `state2`,
 * `absmax1` and `absmax2`.
 */
export async function stateTensors(parameters: Parameter[], { moments }: AdamWState): Promise<SafeTensor[]> {
  const tensors: SafeTensor[] = [];
  for (const [i, { name, value }] of parameters.entries()) {
    const own = moments[i];
    if ('state1' in own) {
      for (const part of CODES) {
        tensors.push({ name: `${name}.${part}`, dtype: 'U8', shape: value.shape, data: own[part].slice() });
      }
      for (const part of SCALES) {
        const data = new Uint8Array(own[part].slice().buffer);
        tensors.push({ name: `${name}.${part}`, dtype: 'F32', shape: [own[part].length], data });
      }
    } else {
      tensors.push(await float32(`${name}.exp_avg`, own.expAvg), await float32(`${name}.exp_avg_sq`, own.expAvgSq));
    }
  }
  return tensors;
}

/**
 * Puts a state on the current engine.
 * @param stored Tensors by the names of {@link stateTensors}, or by the parameter's number in place of its name.
 * @param place Their place, for messages.
 * @throws TrainerError naming a tensor that is missing or of another shape.
 */
export function restoreState(
  parameters: Parameter[],
  step: number,
  stored: Map<string, SafeTensor>,
  place: string,
): AdamWState {
  const moments = parameters.map(({ name, value }, index) => {
    const find = (part: string, shape: number[]) => {
      const key = `${name}.${part}`;
      const found = stored.get(key) ?? stored.get(`${index}.${part}`);
      if (found?.shape.join() !== shape.join()) {
        const got = found ? `has shape [${found.shape}]` : 'is missing';
        throw new TrainerError('mismatch', `${place}: the optimizer's '${key}' ${got}, the model wants [${shape}]`);
      }
      return found;
    };
    const floats = (part: string, shape: number[]) => Float32Array.from(toFloat32(find(part, shape)));
    if (stored.has(`${name}.state1`)) {
      const codes = (part: string) => Uint8Array.from(find(part, value.shape).data);
      const blocks = zeroMoments(value.size).absmax1.length;
      const scales = (part: string) => floats(part, [blocks]);
      return {
        state1: codes('state1'),
        state2: codes('state2'),
        absmax1: scales('absmax1'),
        absmax2: scales('absmax2'),
      };
    }
    const moment = (part: string) => keep(tensor(floats(part, value.shape), value.shape));
    return { expAvg: moment('exp_avg'), expAvgSq: moment('exp_avg_sq') };
  });
  return { step, moments };
}

/** A tensor's values on the host, under a name. */
export async function float32(name: string, value: Tensor): Promise<SafeTensor> {
  const copy = Float32Array.from(await value.data());
  return { name, dtype: 'F32', shape: value.shape, data: new Uint8Array(copy.buffer) };
}
