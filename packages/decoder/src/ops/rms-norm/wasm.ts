/** @file RmsNorm and its gradient on engine `wasm`. */
import { floatWord, type OpKernel, wasmBackend } from '@arena/runtime';
import { kernels } from '../../wasm/kernels.generated.js';
import type { RmsNormAttrs, RmsNormBackwardAttrs } from './op.js';

/** Rows that one task takes; as in kernel.as.ts. */
const ROWS = 32;

export const rmsNormWasm: OpKernel<RmsNormAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { x, weight, residual } = inputs;
  const [tokens, width] = x.shape;
  const { pointer: y, ...output } = backend.output([tokens, width]);
  const pointers = [backend.pointer(x), backend.pointer(weight), residual ? backend.pointer(residual) : 0, y, 0, 0];
  backend.pool.run({
    module: kernels,
    kernel: 'rmsNorm',
    args: [...pointers, tokens, width, floatWord(attrs.eps)],
    tasks: Math.ceil(tokens / ROWS),
  });
  return [output];
};

export const rmsNormBackwardWasm: OpKernel<RmsNormBackwardAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { dy, x, weight, residual } = inputs;
  const [tokens, width] = x.shape;
  const tasks = Math.ceil(tokens / ROWS);
  const { pointer: dx, ...output } = backend.output([tokens, width]);
  const pointers = [backend.pointer(x), backend.pointer(weight), residual ? backend.pointer(residual) : 0, dx];
  const run = (partial: number) =>
    backend.pool.run({
      module: kernels,
      kernel: 'rmsNormBackward',
      args: [...pointers, backend.pointer(dy), partial, tokens, width, floatWord(attrs.eps)],
      tasks,
    });
  if (!attrs.weightGradient) {
    run(0);
    return [output];
  }
  const { pointer: dweight, ...weightOutput } = backend.output([width]);
  backend.withMemory(4 * tasks * width, (partial) => {
    run(partial);
    const args = [partial, 0, 0, dweight, 0, 0, tasks, width, 0];
    backend.pool.run({ module: kernels, kernel: 'sumRows', args, tasks: 1 });
  });
  return [output, weightOutput];
};
