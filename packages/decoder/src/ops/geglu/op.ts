/**
 * @file Gemma's gated activation: y = gelu_tanh(gate) * up, gelu_tanh(x) = x (1 + tanh u) / 2, u = c (x + a x^3),
 * c = sqrt(2 / pi), a = 0.044715 (Hendrycks and Gimpel 2016; Shazeer 2020).
 *
 * Gradient: gelu'(x) = (1 + tanh u) / 2 + x (1 - tanh^2 u) c (1 + 3 a x^2) / 2, so
 *   dgate = dy up gelu'(gate),   dup = dy gelu(gate).
 */

import { defineOp, runOp } from '@arena/runtime/op';
import { customGrad, type Tensor, type Tensor2D } from '@tensorflow/tfjs-core';
import type { GegluAttrs, GegluBackwardInputs, GegluInputs } from './attrs.js';
import { gegluBackwardCuda, gegluCuda } from './cuda.js';
import { gegluBackwardReference, gegluReference } from './reference.js';
import { gegluBackwardSamples, gegluSamples } from './samples.js';
import { gegluBackwardWasm, gegluWasm } from './wasm.js';
import { gegluBackwardWebgpu, gegluWebgpu } from './webgpu.js';

export type { GegluAttrs } from './attrs.js';

/** Inputs gate, up [T, I] -> [T, I]. */
export const gegluOp = defineOp<GegluAttrs, GegluInputs, [y: Tensor2D]>({
  name: 'GeGlu',
  package: '@arena/decoder',
  reference: gegluReference,
  kernels: { wasm: gegluWasm, webgpu: gegluWebgpu, cuda: gegluCuda },
  samples: gegluSamples,
});

/** Inputs dy, gate, up [T, I] -> dgate, dup [T, I]. */
export const gegluBackwardOp = defineOp<GegluAttrs, GegluBackwardInputs, [dgate: Tensor2D, dup: Tensor2D]>({
  name: 'GeGluBackward',
  package: '@arena/decoder',
  reference: gegluBackwardReference,
  kernels: { wasm: gegluBackwardWasm, webgpu: gegluBackwardWebgpu, cuda: gegluBackwardCuda },
  samples: gegluBackwardSamples,
});

/** gelu_tanh(gate) * up without a gradient. [T, I] */
export function gegluForward(gate: Tensor2D, up: Tensor2D): Tensor2D {
  return runOp(gegluOp, { gate, up }, {})[0];
}

/** dgate and dup [T, I] from dy [T, I] and the inputs of the forward pass; nothing else of that pass is kept. */
export function gegluBackward(dy: Tensor2D, gate: Tensor2D, up: Tensor2D): { dgate: Tensor2D; dup: Tensor2D } {
  const [dgate, dup] = runOp(gegluBackwardOp, { dy, gate, up }, {});
  return { dgate, dup };
}

/** gelu_tanh(gate) * up as a differentiable op of tfjs. [T, I] */
export function geglu(gate: Tensor2D, up: Tensor2D): Tensor2D {
  const op = customGrad((...args) => {
    const [g, u, save] = args as unknown as [Tensor2D, Tensor2D, (tensors: Tensor[]) => void];
    save([g, u]);
    return {
      value: gegluForward(g, u),
      gradFunc: (dy: Tensor, [sg, su]: Tensor[]) => {
        const { dgate, dup } = gegluBackward(dy as Tensor2D, sg as Tensor2D, su as Tensor2D);
        return [dgate, dup];
      },
    };
  });
  return op(gate, up) as Tensor2D;
}
