/** @file Swiglu on engine `wasm`. */
import type { OpKernel } from '@arena/runtime/op';
import { wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { kernels } from '../../wasm/kernels.generated.js';
import type { SwigluAttrs } from './attrs.js';

const forward = wasmKernel({
  module: kernels,
  name: 'swiglu',
  inputs: ['gate', 'up'],
  outputs: ['y'],
  params: { count: 'u32' },
});

/** Values that one task takes: the constant of kernel.as.ts. */
const { VALUES } = forward.constants;

export const swigluWasm: OpKernel<SwigluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const tasks = Math.ceil(count / VALUES);
  return wasmBackend(backend).run(forward, { inputs, outputs: { y: shape }, params: { count }, tasks });
};
