/**
 * @file LoraLinear and its gradients on engine `webgpu`. The product with the frozen weight adds the adapter's part in
 * registers; the dropout mask is computed where it is used.
 */
import { weight4bitOperand } from '@arena/quant/ops';
import { DROPOUT_WGSL, type DropoutMask } from '@arena/random';
import type { OpKernel } from '@arena/runtime/op';
import { floatOperand, type GpuFactor, type GpuOperand, gpuLauncher, gpuMultiply } from '@arena/runtime/webgpu';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { LoraLinearAttrs, LoraLinearBackwardAttrs } from './attrs.js';

export const loraLinearWebgpu: OpKernel<LoraLinearAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const { x, A, B } = inputs;
  const [m, k] = x.shape;
  const [n, r] = B.shape;
  const t = gpuMultiply(launcher, {
    form: 'nt',
    a: floatOperand('x', x, { factor: factorOf(attrs.dropout), half: true }),
    b: floatOperand('A', A, { half: true }),
    m,
    n: r,
    k,
  });
  const y = gpuMultiply(launcher, {
    form: 'nt',
    a: floatOperand('x', x, { half: true }),
    b: frozenOperand(inputs, attrs),
    m,
    n,
    k,
    low: {
      a: floatOperand('t', t, { half: true }),
      b: floatOperand('B', B, { half: true }),
      k: r,
      scale: attrs.scaling,
    },
  });
  return [y, t];
};

export const loraLinearBackwardWebgpu: OpKernel<LoraLinearBackwardAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const { scaling, inputGradient } = attrs;
  const { dy, x, t, A, B, residual } = inputs;
  const [m, k] = x.shape;
  const [n, r] = B.shape;
  const factor = factorOf(attrs.dropout);
  const dyOperand = floatOperand('dy', dy);
  const u = gpuMultiply(launcher, {
    form: 'nn',
    a: dyOperand,
    b: floatOperand('B', B, { half: true }),
    m,
    n: r,
    k: n,
    scale: scaling,
  });
  const uOperand = floatOperand('u', u);
  const dA = gpuMultiply(launcher, {
    form: 'tn',
    a: uOperand,
    b: floatOperand('x', x, { factor, half: true }),
    m: r,
    n: k,
    k: m,
  });
  const dB = gpuMultiply(launcher, {
    form: 'tn',
    a: dyOperand,
    b: floatOperand('t', t, { half: true }),
    m: n,
    n: r,
    k: m,
    scale: scaling,
  });
  const outputs = [dA, dB];
  if (inputGradient) {
    const b = frozenOperand(inputs, attrs);
    const low = { a: uOperand, b: floatOperand('A', A, { half: true }), k: r, scale: 1, factor };
    outputs.push(gpuMultiply(launcher, { form: 'nn', a: dyOperand, b, m, n: k, k: n, low, residual }));
  }
  backend.disposeData(u.dataId);
  return outputs;
};

/** The frozen weight [outFeatures, inFeatures], in float32 or 4 bits. */
function frozenOperand(inputs: { [name: string]: TensorInfo }, { quant }: LoraLinearAttrs): GpuOperand {
  return quant ? weight4bitOperand(inputs, quant) : floatOperand('weight', inputs.weight, { half: true });
}

function factorOf(mask: DropoutMask | undefined): GpuFactor | undefined {
  if (!mask) return undefined;
  const { p, seed, stream } = mask;
  return {
    declarations: DROPOUT_WGSL,
    params: {
      seed: { value: seed, type: 'u32' },
      stream: { value: stream, type: 'u32' },
      threshold: { value: Math.floor(p * 2 ** 32), type: 'u32' },
      keptFactor: { value: 1 / (1 - p), type: 'f32' },
    },
    at: (index) => `dropoutAt(${index}, params.seed, params.stream, params.threshold, params.keptFactor)`,
  };
}
