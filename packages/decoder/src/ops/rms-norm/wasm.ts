/** @file RmsNorm and its gradient on engine `wasm`. */
import type { OpKernel } from '@arena/runtime/op';
import { wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { kernels } from '../../wasm/kernels.generated.js';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './attrs.js';

const forward = wasmKernel({
  module: kernels,
  name: 'rmsNorm',
  inputs: ['x', 'weight'],
  optional: ['residual'],
  outputs: ['y'],
  params: { tokens: 'i32', width: 'i32', eps: 'f32' },
});

const backward = wasmKernel({
  module: kernels,
  name: 'rmsNormBackward',
  inputs: ['dy', 'x', 'weight'],
  optional: ['residual', 'partial'],
  outputs: ['dx'],
  params: { tokens: 'i32', width: 'i32', eps: 'f32' },
});

const sumRows = wasmKernel({
  module: kernels,
  name: 'sumRows',
  inputs: ['x'],
  outputs: ['y'],
  params: { rows: 'i32', width: 'i32' },
});

/** Rows that one task takes. */
const { ROWS } = forward.constants;

export const rmsNormWasm: OpKernel<RmsNormAttrs> = ({ inputs, attrs, backend }) => {
  const [tokens, width] = inputs.x.shape;
  return wasmBackend(backend).run(forward, {
    inputs,
    outputs: { y: [tokens, width] },
    params: { tokens, width, eps: attrs.eps },
    tasks: Math.ceil(tokens / ROWS),
  });
};

export const rmsNormBackwardWasm: OpKernel<RmsNormBackwardAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const [tokens, width] = inputs.x.shape;
  const tasks = Math.ceil(tokens / ROWS);
  const run = (partial?: number) =>
    backend.run(backward, {
      inputs: { ...inputs, partial },
      outputs: { dx: [tokens, width] },
      params: { tokens, width, eps: attrs.eps },
      tasks,
    });
  if (!attrs.weightGradient) return run();
  return backend.withMemory(4 * tasks * width, (partial) => {
    const dx = run(partial);
    const dweight = backend.run(sumRows, {
      inputs: { x: partial },
      outputs: { y: [width] },
      params: { rows: tasks, width },
      tasks: 1,
    });
    return [...dx, ...dweight];
  });
};
