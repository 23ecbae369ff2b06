/**
 * @file LoraLinear and its gradients on engine `cuda`: only products. The product with the frozen weight adds the
 * adapter's part in registers; the dropout mask is computed where it is used.
 */
import { cuda4bit } from '@arena/quant/ops';
import { type CudaOperand, cudaFloat, cudaLauncher, cudaMultiply } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { LoraLinearAttrs, LoraLinearBackwardAttrs } from './attrs.js';

export const loraLinearCuda: OpKernel<LoraLinearAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = cudaLauncher(backend);
  const { x, A, B } = inputs;
  const [m, k] = x.shape;
  const [n, r] = B.shape;
  return launcher.scope(() => {
    const mask = attrs.dropout && { ...attrs.dropout, on: 'a' as const };
    const t = cudaMultiply(launcher, { form: 'nt', a: x, b: cudaFloat(A), m, n: r, k, mask });
    const low = { a: t, b: B, k: r, scale: attrs.scaling };
    const y = cudaMultiply(launcher, { form: 'nt', a: x, b: frozen(inputs, attrs), m, n, k, low });
    return [y, t];
  });
};

export const loraLinearBackwardCuda: OpKernel<LoraLinearBackwardAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = cudaLauncher(backend);
  const { scaling: scale, inputGradient, dropout } = attrs;
  const { dy, x, t, A, B, residual } = inputs;
  const [m, k] = x.shape;
  const [n, r] = B.shape;
  const maskOn = <T extends 'b' | 'low'>(on: T) => dropout && { ...dropout, on };
  return launcher.scope(() => {
    const u = cudaMultiply(launcher, { form: 'nn', a: dy, b: cudaFloat(B), m, n: r, k: n, scale });
    const dA = cudaMultiply(launcher, { form: 'tn', a: u, b: cudaFloat(x), m: r, n: k, k: m, mask: maskOn('b') });
    const dB = cudaMultiply(launcher, { form: 'tn', a: dy, b: cudaFloat(t), m: n, n: r, k: m, scale });
    if (!inputGradient) return [dA, dB];
    const low = { a: u, b: A, k: r, scale: 1 };
    const b = frozen(inputs, attrs);
    return [
      dA,
      dB,
      cudaMultiply(launcher, { form: 'nn', a: dy, b, m, n: k, k: n, low, mask: maskOn('low'), residual }),
    ];
  });
};

/** The frozen weight [outFeatures, inFeatures], in float32 or 4 bits. */
function frozen(inputs: { [name: string]: TensorInfo }, { quant }: LoraLinearAttrs): CudaOperand {
  return quant ? cuda4bit(inputs, quant) : cudaFloat(inputs.weight);
}
