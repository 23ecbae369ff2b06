/** @file Swiglu in plain tfjs ops: slow, obviously right, and what the kernels are held against. */
import { mul, sigmoid, type Tensor } from '@tensorflow/tfjs-core';
import type { SwigluInputs } from './attrs.js';

export function swigluReference({ gate, up }: SwigluInputs): Tensor[] {
  return [mul(mul(gate, sigmoid(gate)), up)];
}
