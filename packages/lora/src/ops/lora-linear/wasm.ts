/** @file LoraLinear and its gradients on engine `wasm`: products of runtime and quant, and the dropout kernel. */
import { multiply4bit, multiplyBlocks } from '@arena/quant/ops';
import type { DropoutMask } from '@arena/random';
import type { OpKernel } from '@arena/runtime/op';
import { multiply, type PackedLeft, packLeft, type WasmBackend, wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { kernels } from '../../wasm/kernels.generated.js';
import type { LoraLinearAttrs, LoraLinearBackwardAttrs } from './attrs.js';

const dropoutKernel = wasmKernel({
  module: kernels,
  name: 'dropout',
  inputs: ['x'],
  outputs: ['y'],
  params: {
    count: 'u32',
    seed: 'u32',
    stream: 'u32',
    threshold: 'u32',
    factor: 'f32',
    accumulate: 'u32',
  },
});

/** Values of one task. */
const { VALUES } = dropoutKernel.constants;

type Inputs = { [name: string]: TensorInfo };

export const loraLinearWasm: OpKernel<LoraLinearAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { scaling, dropout } = attrs;
  const [m, k] = inputs.x.shape;
  const [r] = inputs.A.shape;
  const [n] = inputs.B.shape;
  const { pointer: y, ...yInfo } = backend.output([m, n]);
  const { pointer: t, ...tInfo } = backend.output([m, r]);
  const adapterInput = (a: PackedLeft) =>
    multiply(backend, { a, b: backend.pointer(inputs.A), c: t, n: r, transposeB: true });
  withPacked(backend, backend.pointer(inputs.x), m, k, (x) => {
    multiplyFrozen(backend, inputs, attrs, { a: x, c: y, transposed: false });
    if (!dropout) adapterInput(x);
  });
  if (dropout) {
    withDropped(backend, inputs.x, dropout, (x) => withPacked(backend, x, m, k, adapterInput));
  }
  const scaled = { pointer: t, m, k: r, scale: scaling };
  multiply(backend, { a: scaled, b: backend.pointer(inputs.B), c: y, n, transposeB: true, accumulate: true });
  return [yInfo, tInfo];
};

export const loraLinearBackwardWasm: OpKernel<LoraLinearBackwardAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { scaling, dropout, inputGradient } = attrs;
  const [m, k] = inputs.x.shape;
  const [r] = inputs.A.shape;
  const [n] = inputs.B.shape;
  const dy = backend.pointer(inputs.dy);
  const { pointer: dA, ...dAInfo } = backend.output([r, k]);
  const { pointer: dB, ...dBInfo } = backend.output([n, r]);
  multiply(backend, {
    a: { pointer: dy, m: n, k: m, transpose: true, scale: scaling },
    b: backend.pointer(inputs.t),
    c: dB,
    n: r,
  });
  return backend.withMemory(4 * m * r, (u) => {
    // u holds dy B; its users apply the scaling
    const outputs = [dAInfo, dBInfo];
    withPacked(backend, dy, m, n, (packed) => {
      multiply(backend, { a: packed, b: backend.pointer(inputs.B), c: u, n: r });
      if (inputGradient) {
        const { pointer: dx, ...dxInfo } = backend.output([m, k]);
        if (inputs.residual) copy(backend, backend.pointer(inputs.residual), dx, m * k);
        multiplyFrozen(backend, inputs, attrs, { a: packed, c: dx, transposed: true, accumulate: !!inputs.residual });
        addAdapterGradient(backend, { pointer: u, m, k: r, scale: scaling }, backend.pointer(inputs.A), dx, k, dropout);
        outputs.push(dxInfo);
      }
    });
    const byA = (x: number) =>
      multiply(backend, { a: { pointer: u, m: r, k: m, transpose: true, scale: scaling }, b: x, c: dA, n: k });
    if (dropout) withDropped(backend, inputs.x, dropout, byA);
    else byA(backend.pointer(inputs.x));
    return outputs;
  });
};

/** dx += mask o (u A). */
function addAdapterGradient(
  backend: WasmBackend,
  u: { pointer: number; m: number; k: number; scale: number },
  A: number,
  dx: number,
  width: number,
  dropout?: DropoutMask,
): void {
  if (!dropout) {
    multiply(backend, { a: u, b: A, c: dx, n: width, accumulate: true });
    return;
  }
  backend.withMemory(4 * u.m * width, (product) => {
    multiply(backend, { a: u, b: A, c: product, n: width });
    applyDropout(backend, product, dx, u.m * width, dropout, true);
  });
}

/** C (+)= A W^T, or A W when transposed, with the frozen W [N, K] in float32, 4 bits or blocks. */
function multiplyFrozen(
  backend: WasmBackend,
  inputs: Inputs,
  { quant, layout }: LoraLinearAttrs,
  product: { a: PackedLeft; c: number; transposed: boolean; accumulate?: boolean },
): void {
  if (quant) {
    multiply4bit(backend, { ...product, weight: inputs, attrs: quant });
    return;
  }
  if (layout) {
    multiplyBlocks(backend, { ...product, blocks: inputs.blocks, attrs: layout });
    return;
  }
  const { a, c, transposed, accumulate } = product;
  const [outFeatures, inFeatures] = inputs.weight.shape;
  const n = transposed ? inFeatures : outFeatures;
  multiply(backend, { a, b: backend.pointer(inputs.weight), c, n, transposeB: !transposed, accumulate });
}

function withPacked(backend: WasmBackend, pointer: number, m: number, k: number, body: (a: PackedLeft) => void): void {
  const packed = packLeft(backend, { pointer, m, k });
  try {
    body(packed);
  } finally {
    packed.free();
  }
}

function withDropped(backend: WasmBackend, x: TensorInfo, mask: DropoutMask, body: (pointer: number) => void): void {
  const count = x.shape[0] * x.shape[1];
  backend.withMemory(4 * count, (dropped) => {
    applyDropout(backend, backend.pointer(x), dropped, count, mask, false);
    body(dropped);
  });
}

/** y = mask x, or y += mask x. */
function applyDropout(
  backend: WasmBackend,
  x: number,
  y: number,
  count: number,
  { p, seed, stream }: DropoutMask,
  accumulate: boolean,
): void {
  backend.run(dropoutKernel, {
    inputs: { x },
    outputs: { y },
    params: {
      count,
      seed,
      stream,
      threshold: Math.floor(p * 2 ** 32),
      factor: 1 / (1 - p),
      accumulate: Number(accumulate),
    },
    tasks: Math.ceil(count / VALUES),
  });
}

function copy({ heap }: WasmBackend, from: number, to: number, count: number): void {
  heap.view(to, count, 'float32').set(heap.view(from, count, 'float32'));
}
