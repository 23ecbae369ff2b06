/**
 * @file A frozen linear layer with its LoRA adapter: y = x W^T + s (d(x) A^T) B^T, d being dropout.
 *
 * Gradients, with t = d(x) A^T [M, r] kept from the forward pass and u = s dy B [M, r]:
 *   dB = s dy^T t         (y_ij holds s sum_k t_ik B_jk)
 *   dA = u^T d(x)         (dL/dt = s dy B = u, and t = d(x) A^T)
 *   dx = dy W + mask o (u A)
 * No matrix [outFeatures, inFeatures] is computed; W has no gradient.
 */

import type { DropoutMask } from '@arena/random';
import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';
import type {
  FrozenInputs,
  FrozenWeight,
  LoraLinearAttrs,
  LoraLinearBackwardAttrs,
  LoraLinearBackwardInputs,
  LoraLinearInputs,
} from './attrs.js';
import { loraLinearBackwardCuda, loraLinearCuda } from './cuda.js';
import { loraLinearBackwardReference, loraLinearReference } from './reference.js';
import {
  loraLinearBackwardSamples,
  loraLinearBlocksBackwardSamples,
  loraLinearBlocksSamples,
  loraLinearSamples,
} from './samples.js';
import { loraLinearBackwardWasm, loraLinearWasm } from './wasm.js';
import { loraLinearBackwardWebgpu, loraLinearWebgpu } from './webgpu.js';

export type { FrozenWeight, LoraLinearAttrs, LoraLinearBackwardAttrs } from './attrs.js';

/** Inputs x [M, K], A [r, K], B [N, r] and weight [N, K] or codes, absmax, nestedAbsmax? -> y [M, N], t [M, r]. */
export const loraLinearOp = defineOp<LoraLinearAttrs, LoraLinearInputs, [y: Tensor2D, t: Tensor2D]>({
  name: 'LoraLinear',
  package: '@arena/lora',
  reference: loraLinearReference,
  kernels: { wasm: loraLinearWasm, webgpu: loraLinearWebgpu, cuda: loraLinearCuda },
  samples: loraLinearSamples,
});

/** Inputs dy [M, N], x, t, A, B, the weight, residual? [M, K] -> dA, dB and, when wanted, dx (+ residual). */
export const loraLinearBackwardOp = defineOp<
  LoraLinearBackwardAttrs,
  LoraLinearBackwardInputs,
  [dA: Tensor2D, dB: Tensor2D, dx?: Tensor2D]
>({
  name: 'LoraLinearBackward',
  package: '@arena/lora',
  reference: loraLinearBackwardReference,
  kernels: { wasm: loraLinearBackwardWasm, webgpu: loraLinearBackwardWebgpu, cuda: loraLinearBackwardCuda },
  samples: loraLinearBackwardSamples,
});

/** {@link loraLinearOp} with the weight in blocks of ggml: an op of its own, for engines that have no kernel for these. */
export const loraLinearBlocksOp = defineOp<LoraLinearAttrs, LoraLinearInputs, [y: Tensor2D, t: Tensor2D]>({
  name: 'LoraLinearBlocks',
  package: '@arena/lora',
  reference: loraLinearReference,
  kernels: { wasm: loraLinearWasm },
  samples: loraLinearBlocksSamples,
});

/** {@link loraLinearBackwardOp} with the weight in blocks. */
export const loraLinearBlocksBackwardOp = defineOp<
  LoraLinearBackwardAttrs,
  LoraLinearBackwardInputs,
  [dA: Tensor2D, dB: Tensor2D, dx?: Tensor2D]
>({
  name: 'LoraLinearBlocksBackward',
  package: '@arena/lora',
  reference: loraLinearBackwardReference,
  kernels: { wasm: loraLinearBackwardWasm },
  samples: loraLinearBlocksBackwardSamples,
});

/** Forward: y [M, outFeatures] and t [M, r], which the backward pass takes. */
export function loraLinearForward(
  x: Tensor2D,
  weight: FrozenWeight,
  A: Tensor2D,
  B: Tensor2D,
  scaling: number,
  dropout?: DropoutMask,
): { y: Tensor2D; t: Tensor2D } {
  const op = weight.kind === 'blocks' ? loraLinearBlocksOp : loraLinearOp;
  const [y, t] = runOp(op, { x, A, B, ...weightInputs(weight) }, attrs(weight, scaling, dropout));
  return { y, t };
}

/** Backward: gradients of A and B and, when `inputGradient`, of x (plus `residual`). */
export function loraLinearBackward(
  dy: Tensor2D,
  saved: { x: Tensor2D; t: Tensor2D },
  weight: FrozenWeight,
  A: Tensor2D,
  B: Tensor2D,
  options: { scaling: number; dropout?: DropoutMask; inputGradient: boolean; residual?: Tensor2D },
): { dA: Tensor2D; dB: Tensor2D; dx?: Tensor2D } {
  const { scaling, dropout, inputGradient, residual } = options;
  const inputs = { dy, ...saved, A, B, ...weightInputs(weight), residual };
  const op = weight.kind === 'blocks' ? loraLinearBlocksBackwardOp : loraLinearBackwardOp;
  const [dA, dB, dx] = runOp(op, inputs, { ...attrs(weight, scaling, dropout), inputGradient });
  return { dA, dB, dx };
}

/** The layer as a differentiable op of tfjs: gradients by x, A and B. */
export function loraLinear(x: Tensor2D, weight: FrozenWeight, A: Tensor2D, B: Tensor2D, scaling: number): Tensor2D {
  const op = customGrad((...args) => {
    const [input, a, b, save] = args as unknown as [Tensor2D, Tensor2D, Tensor2D, (tensors: Tensor[]) => void];
    const { y, t } = loraLinearForward(input, weight, a, b, scaling);
    save([input, t, a, b]);
    return {
      value: y,
      gradFunc: (dy: Tensor, [sx, st, sa, sb]: Tensor[]) => {
        const saved = { x: sx as Tensor2D, t: st as Tensor2D };
        const options = { scaling, inputGradient: true };
        const gradients = loraLinearBackward(dy as Tensor2D, saved, weight, sa as Tensor2D, sb as Tensor2D, options);
        return [gradients.dx!, gradients.dA, gradients.dB];
      },
    };
  });
  return op(x, A, B) as Tensor2D;
}

function weightInputs(weight: FrozenWeight): FrozenInputs {
  return weight.kind === 'float' ? { weight: weight.tensor } : weight.tensors;
}

function attrs(weight: FrozenWeight, scaling: number, dropout?: DropoutMask): LoraLinearAttrs {
  return { scaling, ...readingOf(weight), ...(dropout ? { dropout } : {}) };
}

function readingOf(weight: FrozenWeight): Pick<LoraLinearAttrs, 'quant' | 'layout'> {
  if (weight.kind === '4bit') return { quant: weight.attrs };
  return weight.kind === 'blocks' ? { layout: { type: weight.type, shape: weight.shape } } : {};
}
