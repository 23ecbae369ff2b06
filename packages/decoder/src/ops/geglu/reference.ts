/** @file GeGlu and its gradient in plain tfjs ops. */

import { add, mul, scalar, square, sub, type Tensor, tanh } from '@tensorflow/tfjs-core';
import type { GegluBackwardInputs, GegluInputs } from './attrs.js';

const C = Math.sqrt(2 / Math.PI);
const A = 0.044715;

export function gegluReference({ gate, up }: GegluInputs): Tensor[] {
  return [mul(mul(gate, halfOnePlus(innerTanh(gate))), up)];
}

export function gegluBackwardReference({ dy, gate, up }: GegluBackwardInputs): Tensor[] {
  const t = innerTanh(gate);
  const cdf = halfOnePlus(t);
  const slope = mul(add(mul(square(gate), scalar(3 * A)), scalar(1)), scalar(C / 2));
  const derivative = add(cdf, mul(gate, mul(sub(scalar(1), square(t)), slope)));
  return [mul(mul(dy, up), derivative), mul(dy, mul(gate, cdf))];
}

function innerTanh(x: Tensor): Tensor {
  return tanh(mul(mul(x, add(mul(square(x), scalar(A)), scalar(1))), scalar(C)));
}

function halfOnePlus(t: Tensor): Tensor {
  return mul(add(t, scalar(1)), scalar(0.5));
}
