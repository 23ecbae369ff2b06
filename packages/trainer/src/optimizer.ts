/** @file AdamW over a model's parameters, with gradient clipping. */

import { clearGradient, type Parameter } from '@arena/runtime';
import { dispose, keep, stack, type Tensor, tensor, zerosLike } from '@tensorflow/tfjs-core';
import { adamW8bitStep, type EightBitMoments, MIN_8BIT_SIZE, zeroMoments } from './eight-bit.js';
import { TrainerError } from './error.js';
import { type AdamWAttrs, adamWStep, squaredNorm } from './ops/adamw/op.js';

/**
 * Defaults are those of Hugging Face's TrainingArguments: betas 0.9 and 0.999, eps 1e-8, no weight decay, gradients
 * clipped to norm 1.
 */
export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  eps?: number;
  /** Decoupled, applied to all but norms and biases. */
  weightDecay?: number;
  /** Largest total L2 norm of the gradients; 0 for no clipping. */
  maxGradNorm?: number;
  /** Factor on the learning rate of each parameter, by its name (default 1): see {@link loraPlus}. */
  rateFactor?: (name: string) => number;
  /**
   * Keep the moments of tensors with at least 4,096 values in 8 bits, outside the engine: see {@link EightBitMoments}.
   */
  eightBit?: boolean;
}

/** First and second moment of one parameter on the engine. */
export interface FloatMoments {
  expAvg: Tensor;
  expAvgSq: Tensor;
}

/** First and second moment of each parameter, in the parameters' order. */
export interface AdamWState {
  step: number;
  moments: (FloatMoments | EightBitMoments)[];
}

/** The moments of a state in float32. @throws TrainerError for 8-bit moments. */
export function floatMoments({ moments }: AdamWState): FloatMoments[] {
  return moments.map((one, i) => {
    if ('expAvg' in one) return one;
    throw new TrainerError('mismatch', `parameter ${i} of the optimizer's state has 8-bit moments`);
  });
}

/** An optimizer over a fixed list of parameters. It owns its state. */
export interface AdamW {
  readonly state: AdamWState;
  /**
   * One step with the accumulated gradients, which it then clears. Parameters without a gradient do not change.
   * @param before Awaited after the gradients' norm, before any change. If it fails, there is no step.
   * @returns the total norm of the gradients before clipping.
   */
  step(learningRate: number, before?: Promise<unknown>): Promise<number>;
  dispose(): void;
}

/** HF's rule for parameters without weight decay: biases and norms (trainer_pt_utils get_parameter_names). */
export function isDecayed(name: string): boolean {
  return !/bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)/i.test(name);
}

/**
 * LoRA+ (Hayou et al. 2024): B learns `ratio` times as fast as A; the head has its own factor.
 * @returns a `rateFactor`.
 */
export function loraPlus(ratio: number, head = 1): (name: string) => number {
  return (name) => (name.includes('lora_B') ? ratio : /(?:^|\.)score\./.test(name) ? head : 1);
}

/**
 * An optimizer (Loshchilov and Hutter 2019; torch.optim.AdamW), new or continued from `state`, which it then owns.
 * @throws TrainerError when `state` has another number of parameters; naming a parameter with moments of another shape,
 * or in 8 bits where these options want float32, or the other way round.
 * @example
 * const optimizer = adamW(model.parameters(), { weightDecay: 0.01 });
 * const { loss } = await model.pass(batch, { lossScale: 1, dropout: { seed: 42, step: 0 } });
 * const norm = await optimizer.step(2e-4);
 */
export function adamW(parameters: Parameter[], options: AdamWOptions = {}, state?: AdamWState): AdamW {
  const {
    beta1 = 0.9,
    beta2 = 0.999,
    eps = 1e-8,
    weightDecay = 0,
    maxGradNorm = 1,
    rateFactor = () => 1,
    eightBit = false,
  } = options;
  const isEightBit = ({ size }: Tensor) => eightBit && size >= MIN_8BIT_SIZE;
  const own: AdamWState = state ?? {
    step: 0,
    moments: parameters.map(({ value }) =>
      isEightBit(value)
        ? zeroMoments(value.size)
        : { expAvg: keep(zerosLike(value)), expAvgSq: keep(zerosLike(value)) },
    ),
  };
  checkState(own, parameters, isEightBit);
  return {
    state: own,
    async step(learningRate, before) {
      const norm = await gradientNorm(parameters);
      await before;
      own.step++;
      const gradientScale = maxGradNorm > 0 ? clipScale(norm, maxGradNorm) : 1;
      for (const [i, parameter] of parameters.entries()) {
        const { name, value, gradient } = parameter;
        if (!gradient) continue;
        const attrs: AdamWAttrs = {
          learningRate: learningRate * rateFactor(name),
          beta1,
          beta2,
          eps,
          weightDecay: isDecayed(name) ? weightDecay : 0,
          step: own.step,
          gradientScale,
        };
        const old = own.moments[i];
        if ('state1' in old) {
          const param = Float32Array.from(await value.data());
          adamW8bitStep(param, (await gradient.data()) as Float32Array, old, attrs);
          replaceValue(parameter, tensor(param, value.shape));
        } else {
          const next = adamWStep({ param: value, ...old }, gradient, attrs);
          replaceValue(parameter, next.param);
          own.moments[i] = { expAvg: keep(next.expAvg), expAvgSq: keep(next.expAvgSq) };
          dispose([old.expAvg, old.expAvgSq]);
        }
        clearGradient(parameter);
      }
      return norm;
    },
    dispose() {
      for (const one of own.moments) if ('expAvg' in one) dispose([one.expAvg, one.expAvgSq]);
    },
  };
}

/** Checks that a state has moments for each parameter, of its shape and of the right kind. */
function checkState({ moments }: AdamWState, parameters: Parameter[], isEightBit: (value: Tensor) => boolean): void {
  if (moments.length !== parameters.length) {
    const counted = `${moments.length} ${moments.length === 1 ? 'parameter' : 'parameters'}`;
    throw new TrainerError('mismatch', `the optimizer's state is of ${counted}, there are ${parameters.length}`);
  }
  for (const [i, { name, value }] of parameters.entries()) {
    const one = moments[i];
    const what = `the optimizer's state of '${name}'`;
    const shapes =
      'state1' in one ? [[one.state1.length], [one.state2.length]] : [one.expAvg.shape, one.expAvgSq.shape];
    const wanted = 'state1' in one ? [value.size] : value.shape;
    const bad = shapes.find((shape) => shape.join() !== wanted.join());
    if (bad) throw new TrainerError('mismatch', `${what} is of shape [${bad}], the parameter of [${value.shape}]`);
    const kind = (eightBit: boolean) => (eightBit ? '8-bit' : 'float32');
    if ('state1' in one !== isEightBit(value)) {
      throw new TrainerError(
        'mismatch',
        `${what} is ${kind('state1' in one)}, this run wants ${kind(isEightBit(value))}`,
      );
    }
  }
}

/** Total L2 norm of the accumulated gradients (torch.nn.utils.clip_grad_norm_). */
export async function gradientNorm(parameters: Parameter[]): Promise<number> {
  const squares = parameters.flatMap(({ gradient }) => (gradient ? [squaredNorm(gradient)] : []));
  if (!squares.length) return 0;
  // one read for all of them: on a GPU each read waits for the queue
  const all = stack(squares);
  let total = 0;
  for (const square of await all.data()) total += square;
  dispose([all, ...squares]);
  return Math.sqrt(total);
}

/** min(1, maxNorm / (norm + 1e-6)) */
export function clipScale(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}

/** Replaces the old value. */
function replaceValue(parameter: Parameter, value: Tensor) {
  parameter.value.dispose();
  parameter.value = keep(value);
}
