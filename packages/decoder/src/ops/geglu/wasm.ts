/** @file GeGlu and its gradient on engine `wasm`. */
import type { OpKernel } from '@arena/runtime/op';
import { wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { kernels } from '../../wasm/kernels.generated.js';
import type { GegluAttrs } from './attrs.js';

const forward = wasmKernel({
  module: kernels,
  name: 'geglu',
  inputs: ['gate', 'up'],
  outputs: ['y'],
  params: { count: 'u32' },
});

const backward = wasmKernel({
  module: kernels,
  name: 'gegluBackward',
  inputs: ['dy', 'gate', 'up'],
  outputs: ['dgate', 'dup'],
  params: { count: 'u32' },
});

/** Values that one task takes. */
const { VALUES } = forward.constants;

export const gegluWasm: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const tasks = Math.ceil(count / VALUES);
  return wasmBackend(backend).run(forward, { inputs, outputs: { y: shape }, params: { count }, tasks });
};

export const gegluBackwardWasm: OpKernel<GegluAttrs> = ({ inputs, backend }) => {
  const { shape } = inputs.gate;
  const count = shape[0] * shape[1];
  const tasks = Math.ceil(count / VALUES);
  return wasmBackend(backend).run(backward, {
    inputs,
    outputs: { dgate: shape, dup: shape },
    params: { count },
    tasks,
  });
};
