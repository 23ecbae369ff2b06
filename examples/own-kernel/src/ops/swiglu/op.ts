/** @file The gated activation of Llama and Qwen: y = silu(gate) up, silu(x) = x / (1 + exp(-x)) (Shazeer 2020). */
import { defineOp, runOp } from '@arena/runtime/op';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { SwigluAttrs, SwigluInputs } from './attrs.js';
import { swigluReference } from './reference.js';
import { swigluSamples } from './samples.js';
import { swigluWasm } from './wasm.js';
import { swigluWebgpu } from './webgpu.js';

export type { SwigluInputs } from './attrs.js';

/** Inputs gate, up [T, I] -> y [T, I]. */
export const swigluOp = defineOp<SwigluAttrs, SwigluInputs, [y: Tensor2D]>({
  name: 'Swiglu',
  package: 'arena-own-kernel',
  reference: swigluReference,
  kernels: { wasm: swigluWasm, webgpu: swigluWebgpu },
  samples: swigluSamples,
});

/** silu(gate) * up. [T, I] */
export function swiglu(gate: Tensor2D, up: Tensor2D): Tensor2D {
  return runOp(swigluOp, { gate, up }, {})[0];
}
