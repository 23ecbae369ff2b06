/**
 * @file The Hugging Face Trainer's optimizer.pt and scheduler.pt: torch's state dicts of AdamW and LambdaLR. Parameters
 * are numbered in the model's order (A, B of each module; the head last).
 */

import type { SafeTensor } from '@arena/safetensors';
import { TrainerError } from './error.js';
import { Float, type Pickled, type PickledDict, type PickledTensor, Tuple } from './pickle.js';
import { readTorchFile, type TorchFile, tensorValues, writeTorchFile } from './torch-file.js';

/** The settings in torch's parameter group. */
export interface OptimizerSettings {
  learningRate: number;
  weightDecay: number;
  beta1: number;
  beta2: number;
  eps: number;
}

/** First and second moments by `<number>.exp_avg` and `<number>.exp_avg_sq`, and the steps taken. */
export interface OptimizerState {
  step: number;
  moments: Map<string, SafeTensor>;
}

const MOMENTS = ['exp_avg', 'exp_avg_sq'] as const;

/**
 * Reads optimizer.pt.
 * @throws TrainerError when it is not an AdamW state, or its parameters have different numbers of steps.
 */
export function readOptimizerPt(bytes: Uint8Array): OptimizerState {
  const file = readTorchFile(bytes);
  const state = file.value instanceof Map ? file.value.get('state') : undefined;
  if (!(state instanceof Map)) throw new TrainerError('format', "holds no dict 'state' of an optimizer");
  const moments = new Map<string, SafeTensor>();
  let step: number | undefined;
  for (const [index, entry] of state) {
    const steps = tensorValues(file, tensorAt(entry, 'step', index))[0];
    step ??= steps;
    if (steps !== step) throw new TrainerError('format', `parameter ${index} has taken ${steps} steps, others ${step}`);
    for (const moment of MOMENTS) {
      const tensor = tensorAt(entry, moment, index);
      const data = new Uint8Array(tensorValues(file, tensor).buffer);
      const name = `${index}.${moment}`;
      moments.set(name, { name, dtype: 'F32', shape: tensor.shape, data });
    }
  }
  return { step: step ?? 0, moments };
}

function tensorAt(entry: Pickled, name: string, index: string | number): PickledTensor {
  const tensor = entry instanceof Map ? entry.get(name) : undefined;
  if (typeof tensor !== 'object' || tensor === null || !('kind' in tensor)) {
    throw new TrainerError('format', `parameter ${index} has no tensor '${name}': a state of AdamW is expected`);
  }
  return tensor;
}

/**
 * optimizer.pt and scheduler.pt of a run, for the Hugging Face Trainer.
 * @param parameters Moments in the model's order, and whether weight decay applies.
 * @param rates Peak learning rate of the schedule, and the rate of the next step.
 */
export function writeHfOptimizer(
  parameters: { shape: number[]; expAvg: Float32Array; expAvgSq: Float32Array; decayed: boolean }[],
  step: number,
  { learningRate, weightDecay, beta1, beta2, eps }: OptimizerSettings,
  nextRate: number,
): { 'optimizer.pt': Uint8Array; 'scheduler.pt': Uint8Array } {
  // torch numbers the parameters by group: those with decay first
  const ordered = [...parameters.filter(({ decayed }) => decayed), ...parameters.filter(({ decayed }) => !decayed)];
  const storages: TorchFile['storages'] = new Map();
  const tensor = (values: Float32Array, shape: number[]): PickledTensor => {
    const key = String(storages.size);
    storages.set(key, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    const stride = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
    return { kind: 'tensor', storage: 'FloatStorage', key, size: values.length, offset: 0, shape, stride };
  };
  const state: PickledDict = new Map(
    ordered.map(({ shape, expAvg, expAvgSq }, index) => [
      index,
      new Map<string, Pickled>([
        ['step', tensor(Float32Array.of(step), [])],
        ['exp_avg', tensor(expAvg, shape)],
        ['exp_avg_sq', tensor(expAvgSq, shape)],
      ]),
    ]),
  );
  const float = (value: number) => new Float(value) as unknown as Pickled;
  const decayedCount = parameters.filter(({ decayed }) => decayed).length;
  const group = (decay: number, params: number[]) =>
    new Map<string, Pickled>([
      ['weight_decay', float(decay)],
      ['lr', float(nextRate)],
      ['betas', new Tuple([float(beta1), float(beta2)])],
      ['eps', float(eps)],
      ['amsgrad', false],
      ['maximize', false],
      ['foreach', null],
      ['capturable', false],
      ['differentiable', false],
      ['fused', null],
      ['decoupled_weight_decay', true],
      ['initial_lr', float(learningRate)],
      ['params', params],
    ]);
  const numbers = ordered.map((_, index) => index);
  const groups = [group(weightDecay, numbers.slice(0, decayedCount)), group(0, numbers.slice(decayedCount))];
  const optimizer = new Map<string, Pickled>([
    ['state', state],
    ['param_groups', groups],
  ]);
  const scheduler = new Map<string, Pickled>([
    ['base_lrs', [float(learningRate), float(learningRate)]],
    ['last_epoch', step],
    ['_step_count', step + 1],
    ['_is_initial', false],
    ['_get_lr_called_within_step', false],
    ['_last_lr', [float(nextRate), float(nextRate)]],
    ['lr_lambdas', [new Map(), new Map()]],
  ]);
  return {
    'optimizer.pt': writeTorchFile('optimizer', { value: optimizer, storages }),
    'scheduler.pt': writeTorchFile('scheduler', { value: scheduler, storages: new Map() }),
  };
}
