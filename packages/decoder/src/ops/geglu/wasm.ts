/** @file GeGlu and its gradient on engine `wasm`. */
import { type OpKernel, wasmBackend } from '@arena/runtime';
import { kernels } from '../../wasm/kernels.generated.js';
import type { GegluAttrs } from './op.js';

/** Values that one task takes; as in kernel.as.ts. */
const VALUES = 8192;

export const gegluWasm: OpKernel<GegluAttrs> = ({ inputs: { gate, up }, backend: current }) => {
  const backend = wasmBackend(current);
  const { pointer: y, ...output } = backend.output(gate.shape);
  const count = gate.shape[0] * gate.shape[1];
  const args = [backend.pointer(gate), backend.pointer(up), y, 0, 0, 0, count];
  backend.pool.run({ module: kernels, kernel: 'geglu', args, tasks: Math.ceil(count / VALUES) });
  return [output];
};

export const gegluBackwardWasm: OpKernel<GegluAttrs> = ({ inputs: { dy, gate, up }, backend: current }) => {
  const backend = wasmBackend(current);
  const { pointer: dgate, ...dgateOutput } = backend.output(gate.shape);
  const { pointer: dup, ...dupOutput } = backend.output(gate.shape);
  const count = gate.shape[0] * gate.shape[1];
  const args = [backend.pointer(gate), backend.pointer(up), 0, backend.pointer(dy), dgate, dup, count];
  backend.pool.run({ module: kernels, kernel: 'gegluBackward', args, tasks: Math.ceil(count / VALUES) });
  return [dgateOutput, dupOutput];
};
